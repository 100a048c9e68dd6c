"""Queries from several examples, by hand and by properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InputError, InvalidVector
from backend.rules.search import Example, Query, combine

NAN = math.nan
EAST, NORTH, WEST = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([-1.0, 0.0])


def image_of(query: Query) -> list[float]:
    assert query.image is not None
    return [float(number) for number in query.image]


def test_combine__mean_of_positives_whatever_their_length() -> None:
    query = combine([Example(EAST * 5, None), Example(NORTH, None)])
    assert image_of(query) == pytest.approx([math.sqrt(0.5)] * 2)
    assert query.text is None


def test_combine__negatives_are_subtracted_by_weight() -> None:
    query = combine([Example(EAST, None)], [Example(NORTH * 3, None)], 1.0, 0.75)
    assert image_of(query) == pytest.approx([0.8, -0.6])
    doubled = combine([Example(EAST, None)], [Example(NORTH, None)], 2.0, 1.5)
    assert image_of(doubled) == pytest.approx([0.8, -0.6])
    unweighted = combine([Example(EAST, None)], [Example(NORTH, None)], negative_weight=0.0)
    assert image_of(unweighted) == pytest.approx([1.0, 0.0])


@given(seed=st.integers(0, 2**32 - 1), positives=st.integers(1, 4), negatives=st.integers(0, 4))
def test_combine__unit_and_nearer_to_the_positives(seed: int, positives: int, negatives: int) -> None:
    generator = np.random.default_rng(seed)
    liked, disliked = generator.normal(size=(positives, 16)), generator.normal(size=(negatives, 16))
    query = combine([Example(None, row) for row in liked], [Example(None, row) for row in disliked])
    plain = combine([Example(None, row) for row in liked])
    assert query.image is None
    assert query.text is not None
    assert plain.text is not None
    assert float(np.linalg.norm(query.text)) == pytest.approx(1.0)
    if negatives:
        unwanted = (disliked / np.linalg.norm(disliked, axis=1, keepdims=True)).mean(axis=0)
        assert float(query.text @ unwanted) < float(plain.text @ unwanted)


def test_combine__each_side_from_the_examples_that_have_it() -> None:
    query = combine(
        [Example(EAST, None), Example(NORTH, np.array([1.0, 0.0, 0.0]))], [Example(None, np.array([0.0, 1.0, 0.0]))]
    )
    assert image_of(query) == pytest.approx([math.sqrt(0.5)] * 2)
    assert query.text is not None
    assert query.text.tolist() == pytest.approx([2 / math.sqrt(5), -1 / math.sqrt(5), 0.0])


def test_combine__no_direction_left() -> None:
    assert combine([Example(EAST, None), Example(WEST, None)]).image is None
    assert combine([Example(EAST, None)], [Example(EAST, None)], 1.0, 1.0).image is None
    assert combine([Example(EAST, None)], [Example(EAST, None)]).image is not None
    # Only a negative has words: that does not say which words are wanted.
    assert combine([Example(EAST, None)], [Example(None, EAST)]).text is None


def test_combine__refuses() -> None:
    with pytest.raises(InputError) as caught:
        combine([], [Example(EAST, None)])
    assert caught.value.context == {"field": "positives"}
    for weights in ((0.0, 0.5), (NAN, 0.5), (1.0, -0.1), (1.0, math.inf)):
        with pytest.raises(InputError):
            combine([Example(EAST, None)], [], *weights)
    with pytest.raises(InvalidVector):
        combine([Example(np.zeros(2), None)])
    with pytest.raises(InvalidVector, match="differ"):
        combine([Example(EAST, None), Example(np.ones(3), None)])
    with pytest.raises(InvalidVector, match="negatives 3"):
        combine([Example(EAST, None)], [Example(np.ones(3), None)])
