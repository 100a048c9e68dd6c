"""The measures against scikit-learn's."""

import random

import pytest
from sklearn.metrics import adjusted_rand_score

from backend.rules.measures import adjusted_rand_index


def test_adjusted_rand_index__as_the_library_has_it() -> None:
    generator = random.Random(1)
    for size in (1, 2, 50, 400):
        labels = [generator.randrange(7) for _ in range(size)]
        clusters = [label if generator.random() < 0.7 else generator.randrange(9) for label in labels]
        assert adjusted_rand_index(labels, clusters) == pytest.approx(adjusted_rand_score(labels, clusters))


def test_adjusted_rand_index__lengths_differ() -> None:
    with pytest.raises(ValueError, match="labels"):
        adjusted_rand_index([1, 2], [1])
