"""The product: embedding, grouping, search, curation, and what serves them."""

import os

# Threads of torch that wait for one another spin for milliseconds by default (300,000 turns). Beside decoders that want
# the same cores this cost four times the encoding itself; after a thousand turns nothing is lost where cores are idle.
# Here, since OpenMP reads it when torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
