"""The assignment rule applied to a sequence of embeddings, as if they were uploaded one after another."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backend.rules.grouping.assignment import assign
from backend.rules.grouping.centroid_cache import CentroidCache

_BATCH = 256


def group_in_order(
    embeddings: NDArray[np.floating], threshold: float, on_progress: Callable[[int], None] | None = None
) -> NDArray[np.int64]:
    """The group (n,) of each embedding (n, d), numbered in order of founding. Pure, and exactly the rule.

    Memory, in addition to the embeddings, grows with groups * d. `on_progress` receives the number done so far.

    Raises:
        InvalidVector: an embedding is zero or not finite.
    """
    none = np.empty(0, dtype=np.int64)
    cache = CentroidCache(none, np.empty((0, embeddings.shape[1])), none, np.empty(0, dtype=np.bool_), version=0)
    groups = np.empty(len(embeddings), dtype=np.int64)
    for start in range(0, len(embeddings), _BATCH):
        known = len(cache.cluster_ids)
        outcome = assign(embeddings[start : start + _BATCH], cache.centroids, threshold)
        cache.apply(outcome, [int(row) for row in outcome.rows if row >= known], version=0)
        groups[start : start + _BATCH] = [decision.row for decision in outcome.decisions]
        if on_progress is not None:
            on_progress(min(start + _BATCH, len(embeddings)))
    return groups
