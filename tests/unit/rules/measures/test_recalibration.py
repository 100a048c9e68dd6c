"""The threshold that separates groups in another space, held to trying all of them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.measures import neighbour_agreement, own_without_itself, separating_threshold

COSINE = st.floats(-1, 1, width=32)


def agreement_at(own: np.ndarray, other: np.ndarray, first: np.ndarray, threshold: float) -> float:
    """By the definition, one picture after another."""
    right = 0
    for mine, theirs, founds in zip(own, other, first, strict=True):
        right += theirs < threshold if founds else mine >= max(theirs, threshold)
    return right / len(own)


@given(st.lists(st.tuples(COSINE, COSINE, st.booleans()), min_size=1, max_size=30))
def test_separating_threshold__no_threshold_is_better(rows: list[tuple[float, float, bool]]) -> None:
    own, other, first = (np.array(column) for column in zip(*rows, strict=True))
    own = np.where(first & (own < 0), np.nan, own)
    found = separating_threshold(own, other, first)
    tried = np.unique(np.concatenate([own[~np.isnan(own)], other, np.linspace(-1, 1, 201)]))
    between = np.concatenate([tried, (tried[:-1] + tried[1:]) / 2])
    assert found.agreement >= max(agreement_at(own, other, first, threshold) for threshold in between if threshold > -1)
    assert agreement_at(own, other, first, found.threshold) == pytest.approx(found.agreement)


def test_separating_threshold__between_what_belongs_together_and_what_does_not() -> None:
    own = np.array([np.nan, 0.7, 0.8, np.nan, 0.75])
    other = np.array([0.3, 0.2, 0.1, 0.5, 0.4])
    found = separating_threshold(own, other, np.array([True, False, False, True, False]))
    assert (found.low, found.high, found.agreement) == (0.5, 0.7, 1.0)
    assert found.threshold == pytest.approx(0.6)
    with pytest.raises(ValueError, match="not empty"):
        separating_threshold(own[:0], other[:0], np.zeros(0, dtype=bool))


def test_own_without_itself__as_if_the_centroid_were_made_without_it() -> None:
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(5, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    total = vectors.sum(axis=0)
    expected = [(total - x) @ x / np.linalg.norm(total - x) for x in vectors]
    length = np.full(5, np.linalg.norm(total))
    assert np.allclose(own_without_itself(vectors @ total / length, np.full(5, 5), length), expected)
    assert np.isnan(own_without_itself(np.ones(1), np.ones(1, dtype=int), np.ones(1))).all()


def test_neighbour_agreement__counts_what_both_name() -> None:
    generator = np.random.default_rng(1)
    one = generator.normal(size=(40, 6)).astype(np.float32)
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    turn = np.linalg.qr(generator.normal(size=(6, 6)))[0].astype(np.float32)
    rows = np.arange(40)
    assert neighbour_agreement(one, one @ turn, rows, 5) == pytest.approx(1.0, abs=0.02)
    strange = generator.normal(size=(40, 3)).astype(np.float32)
    assert neighbour_agreement(one, strange, rows, 5) < 0.5
    assert neighbour_agreement(one[:1], strange[:1], np.arange(1), 5) == 1.0
