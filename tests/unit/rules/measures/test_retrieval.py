"""Measures of ranked hits, against counting by hand and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from backend.rules.measures import ndcg_at, precision_at, recall_at, reciprocal_rank

gains = st.lists(st.integers(0, 3), min_size=2, max_size=12).filter(any)
cutoff = st.integers(1, 14)


@given(gains, cutoff)
def test_precision_recall__as_counted(hits: list[int], k: int) -> None:
    right = sum(1 for gain in hits[:k] if gain)
    relevant = sum(1 for gain in hits if gain)
    assert precision_at(k, [hits]) == [right / k]
    assert recall_at(k, [hits], [relevant]) == [right / relevant]


@given(gains, cutoff)
def test_ndcg__as_scikit_learn(hits: list[int], k: int) -> None:
    ideal = sorted(hits, reverse=True)
    # scikit-learn takes truth and the values that order it.
    expected = ndcg_score([hits], [range(len(hits), 0, -1)], k=k, ignore_ties=True)
    assert ndcg_at(k, [hits], [ideal])[0] == pytest.approx(expected)


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_reciprocal_rank__of_the_first_right_one(right: list[bool]) -> None:
    first = right.index(True) + 1 if any(right) else 0
    expected = 1 / first if first else 0.0
    assert reciprocal_rank([first]) == [expected]


def test_ndcg__a_known_value() -> None:
    # Right, wrong, right, with three right ones in all.
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg_at(3, [[1, 0, 1]], [[1, 1, 1]])[0] == pytest.approx((1 + 1 / 2) / best)


def test_refuses_what_has_no_meaning() -> None:
    for wrong in ([[np.nan]], [[-1]], [1, 0]):
        with pytest.raises(ValueError, match="gains"):
            precision_at(1, wrong)
    with pytest.raises(ValueError, match="gains"):
        precision_at(0, [[1]])
    with pytest.raises(ValueError, match="nothing to find"):
        recall_at(1, [[0]], [0])
    with pytest.raises(ValueError, match="nothing to find"):
        ndcg_at(1, [[0]], [[0]])
    with pytest.raises(ValueError, match="count from 1"):
        reciprocal_rank([-1])
