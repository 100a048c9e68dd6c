"""Maximal marginal relevance against its definition, O(k n^2) and plain."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.errors import InputError, InvalidVector
from backend.rules.search import between_sides, diversify, unit_range
from backend.rules.search.diversity import between


def naive(relevance: list[float], similarities: NDArray[np.float64], k: int, trade_off: float) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < min(k, len(relevance)):
        left = [row for row in range(len(relevance)) if row not in chosen]
        if chosen:
            marginal = {
                row: trade_off * relevance[row] - (1 - trade_off) * max(similarities[other, row] for other in chosen)
                for row in left
            }
        else:
            marginal = {row: relevance[row] for row in left}
        chosen.append(min(left, key=lambda row: (-marginal[row], row)))
    return chosen


@settings(max_examples=150)
@given(
    relevance=st.lists(st.one_of(st.floats(-5, 5), st.integers(0, 3).map(float)), max_size=25),
    k=st.integers(1, 30),
    trade_off=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])),
    seed=st.integers(0, 2**32 - 1),
    coarse=st.booleans(),
)
def test_diversify__definition(relevance: list[float], k: int, trade_off: float, seed: int, coarse: bool) -> None:
    count = len(relevance)
    similarities = np.random.default_rng(seed).uniform(-1, 1, (count, count))
    if coarse:
        similarities = np.round(similarities * 2) / 2
    selection = diversify(relevance, lambda row: similarities[row], k, trade_off)
    assert selection.rows.tolist() == naive(relevance, similarities, k, trade_off)
    expected = [
        max((similarities[other, row] for other in selection.rows[:place]), default=0.0)
        for place, row in enumerate(selection.rows)
    ]
    assert selection.redundancy.tolist() == expected


@given(relevance=st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_diversify__trade_off_one_is_the_plain_order(relevance: list[int]) -> None:
    vectors = np.random.default_rng(0).normal(size=(len(relevance), 4))
    rows = diversify(relevance, between(vectors), len(relevance), 1.0).rows.tolist()
    assert rows == sorted(range(len(relevance)), key=lambda row: (-relevance[row], row))


def test_diversify__passes_the_near_duplicate_by() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    selection = diversify([0.9, 0.89, 0.5], between(vectors), 3, 0.5)
    assert selection.rows.tolist() == [0, 2, 1]
    assert selection.redundancy.tolist() == pytest.approx([0.0, 0.0, 1.0], abs=1e-3)


def test_between__is_the_cosine_whatever_the_length() -> None:
    similarities = between(np.array([[2.0, 0.0], [3.0, 3.0]]))
    assert similarities(0).tolist() == pytest.approx([1.0, math.sqrt(0.5)])
    with pytest.raises(InvalidVector):
        between(np.zeros((1, 2)))


def test_between_sides__missing_side_adds_nothing() -> None:
    image = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    text = np.array([[1.0], [np.nan], [-1.0]])
    similarities = between_sides(image, text, 0.6)
    assert similarities(0).tolist() == pytest.approx([1.0, 0.0, 0.6 * math.sqrt(0.5) - 0.4])
    assert similarities(1).tolist() == pytest.approx([0.0, 0.6, 0.6 * math.sqrt(0.5)])
    with pytest.raises(InvalidVector):
        between_sides(np.array([[1.0, np.nan]]), np.array([[1.0]]), 0.5)
    with pytest.raises(ValueError, match="sides"):
        between_sides(image, text[:2], 0.5)


def test_unit_range__maps_to_zero_and_one() -> None:
    assert unit_range([2.0, 6.0, 4.0]).tolist() == [0.0, 1.0, 0.5]
    assert unit_range([3.0, 3.0]).tolist() == [1.0, 1.0]
    assert unit_range([]).tolist() == []


@pytest.mark.parametrize(
    ("k", "trade_off", "field"), [(0, 0.5, "k"), (1, 1.5, "trade_off"), (1, math.nan, "trade_off")]
)
def test_diversify__refuses(k: int, trade_off: float, field: str) -> None:
    with pytest.raises(InputError) as caught:
        diversify([1.0], between(np.ones((1, 2))), k, trade_off)
    assert caught.value.context == {"field": field}


def test_diversify__refuses_nan() -> None:
    with pytest.raises(ValueError, match="finite"):
        diversify([math.nan], between(np.ones((1, 2))), 1, 0.5)
