"""The envelope against evaluation in exact rational numbers between all crossings of all pairs."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.errors import InputError
from backend.rules.search import best_place, envelope, rank
from backend.rules.search.alpha import alpha_where_first
from backend.rules.search.fusion import fuse_raw

NAN = math.nan
# Eighths make ties, equal lines and many crossings in one point.
coarse = st.integers(0, 8).map(lambda step: step / 8)
# Thousandths are rounded in binary, so that lines that meet on paper nearly do.
value = st.one_of(coarse, st.integers(-1000, 1000).map(lambda step: step / 1000), st.just(NAN))
candidates = st.one_of(
    st.lists(st.tuples(value, value), min_size=1, max_size=12),
    st.lists(st.tuples(coarse, coarse), min_size=1, max_size=14),
    # All lines through one point.
    st.lists(coarse, min_size=1, max_size=10).map(lambda images: [(image, 1 - image) for image in images]),
)


def ends(pairs: list[tuple[float, float]]) -> list[tuple[Fraction, Fraction]]:
    return [tuple(Fraction(0 if math.isnan(end) else end) for end in pair) for pair in pairs]  # type: ignore[misc]


def crossings(lines: list[tuple[Fraction, Fraction]]) -> list[Fraction]:
    found = {Fraction(0), Fraction(1)}
    for one, zero in lines:
        for other_one, other_zero in lines:
            slope = (one - zero) - (other_one - other_zero)
            if slope and 0 < (point := (other_zero - zero) / slope) < 1:
                found.add(point)
    return sorted(found)


def order_at(lines: list[tuple[Fraction, Fraction]], alpha: Fraction) -> list[int]:
    return sorted(
        range(len(lines)),
        key=lambda row: (-(alpha * lines[row][0] + (1 - alpha) * lines[row][1]), -lines[row][0], row),
    )


def wide_intervals(points: list[Fraction]) -> list[tuple[Fraction, Fraction]]:
    """Those that doubles can tell from their ends."""
    return [(low, high) for low, high in pairwise(points) if high - low > Fraction(1, 10**10)]


@settings(max_examples=300)
@given(pairs=candidates, k=st.integers(1, 15))
@example(pairs=[(0.0, 1.0), (1.0, 0.0), (0.5, 0.5)], k=1)
def test_envelope__as_evaluated_between_all_crossings(pairs: list[tuple[float, float]], k: int) -> None:
    lines = ends(pairs)
    image, text = zip(*pairs, strict=True)
    found = envelope(image, text, k)
    points = crossings(lines)
    changes: list[tuple[Fraction, list[int]]] = []
    for low, high in wide_intervals(points):
        expected = order_at(lines, (low + high) / 2)[:k]
        assert found.at(float((low + high) / 2)).tolist() == expected
        if not changes or changes[-1][1] != expected:
            changes.append((low, expected))
    # And no breakpoint where nothing changes, apart from slivers that doubles cannot tell.
    starts = [start for start, end in zip(found.starts, [*found.starts[1:], 1.0], strict=True) if end - start > 1e-10]
    assert starts == pytest.approx([float(low) for low, _ in changes], abs=1e-9)


@settings(max_examples=300)
@given(pairs=candidates, data=st.data())
def test_best_place__as_evaluated_between_all_crossings(pairs: list[tuple[float, float]], data: st.DataObject) -> None:
    lines = ends(pairs)
    index = data.draw(st.integers(0, len(pairs) - 1))
    intervals = wide_intervals(crossings(lines))
    ranks = [order_at(lines, (low + high) / 2).index(index) + 1 for low, high in intervals]
    image, text = zip(*pairs, strict=True)
    place = best_place(image, text, index)
    assert place.rank == min(ranks)
    inside = [place.low < (low + high) / 2 < place.high for low, high in intervals]
    assert all(rank_there == place.rank for rank_there, within in zip(ranks, inside, strict=True) if within)
    # The widest: no other run of the same rank is wider.
    widths = [Fraction(0)]
    for (low, high), rank_there in zip(intervals, ranks, strict=True):
        widths.append(widths[-1] + high - low if rank_there == place.rank else Fraction(0))
    assert place.high - place.low == pytest.approx(float(max(widths)), abs=1e-9)


@settings(max_examples=100)
@given(pairs=candidates)
def test_alpha_where_first__covers_the_range_once(pairs: list[tuple[float, float]]) -> None:
    image, text = zip(*pairs, strict=True)
    places = [alpha_where_first(image, text, index) for index in range(len(pairs))]
    found = sorted((place.low, place.high) for place in places if place is not None)
    assert (found[0][0], found[-1][1]) == (0.0, 1.0)
    assert [low for low, _ in found[1:]] == pytest.approx([high for _, high in found[:-1]], abs=1e-9)
    assert all(place is None or place.rank == 1 for place in places)


def test_alpha_where_first__by_hand() -> None:
    # Words only, picture only, and fairly near on both: first between a third and two thirds.
    image, text = [0.0, 1.0, 0.75, 0.4], [1.0, 0.0, 0.625, 0.4]
    assert alpha_where_first(image, text, 0) == best_place(image, text, 0)
    middle = alpha_where_first(image, text, 2)
    assert middle is not None
    assert (middle.low, middle.high) == pytest.approx((0.375 / 1.125, 0.625 / 0.875))
    assert alpha_where_first(image, text, 3) is None
    # Between 0.4 and 0.6 all are ahead of the last; of the equally wide intervals beside it the first counts.
    never = best_place(image, text, 3)
    assert (never.rank, never.low) == (3, 0.0)
    assert never.high == pytest.approx(0.4)


def test_best_place__a_sliver_is_no_place() -> None:
    assert best_place([0.0, 0.125], [NAN, -1e-38], 0).rank == 2


def test_envelope__ties_as_in_sql() -> None:
    # At the crossing itself the greater image leg comes first; of equal lines the earlier row.
    crossing = envelope([1.0, 0.0, 1.0], [0.0, 1.0, 0.0], 3)
    assert crossing.starts.tolist() == [0.0, 0.5]
    assert crossing.at(0.5).tolist() == [0, 2, 1]
    assert crossing.at(0.499).tolist() == [1, 0, 2]
    assert crossing.at(1.0).tolist() == [0, 2, 1]


@pytest.mark.parametrize("seed", range(20))
def test_envelope__lines_that_nearly_meet_in_one_point(seed: int) -> None:
    """Rounding moves each line by an ulp, so their crossings come in a random order."""
    generator = np.random.default_rng(seed)
    slopes = generator.uniform(-1, 1, 300)
    meeting = generator.uniform(0.1, 0.9)
    image, text = 0.3 + slopes * (1 - meeting), 0.3 - slopes * meeting
    found = envelope(image, text, 20)
    assert found.at(meeting / 2).tolist() == np.argsort(slopes)[:20].tolist()
    assert found.at((1 + meeting) / 2).tolist() == np.argsort(-slopes)[:20].tolist()


def test_envelope__near_duplicates_that_rise_together() -> None:
    # The last two cross the first at once; the steeper of them is nowhere the better one.
    found = envelope([0.5, 1.0, 1.0 + 1e-14], [0.5, 0.0, 3e-14], 1)
    assert [found.at(alpha).tolist() for alpha in (0.4, 0.6, 1.0)] == [[0], [2], [2]]


def test_envelope__degenerate() -> None:
    assert envelope([], [], 3).at(0.5).tolist() == []
    assert envelope([NAN], [NAN], 3).rows.tolist() == [[0]]
    equal = envelope(np.full(50, 0.5), np.full(50, 0.5), 3)
    assert equal.rows.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("seed", range(3))
def test_envelope__large_against_dense_evaluation(seed: int) -> None:
    generator = np.random.default_rng(seed)
    image, text = generator.normal(size=(2, 2_000))
    text[generator.random(2_000) < 0.2] = NAN
    found = envelope(image, text, 50)
    assert len(found.starts) > 500
    middles = (found.starts + np.append(found.starts[1:], 1.0)) / 2
    wide = np.diff(np.append(found.starts, 1.0)) > 1e-9
    for alpha in np.concatenate([middles[wide][::10], np.linspace(0, 1, 101)]):
        expected = rank(fuse_raw(image, text, float(alpha)).combined, -image)[:50]
        assert found.at(float(alpha)).tolist() == expected.tolist()
    # No list equals the one before: every breakpoint is one.
    assert (found.rows[1:] != found.rows[:-1]).any(axis=1).all()


def test_alpha__refuses() -> None:
    with pytest.raises(InputError):
        envelope([1.0], [1.0], 0)
    with pytest.raises(InputError):
        envelope([1.0], [1.0], 1).at(1.1)
    with pytest.raises(IndexError):
        best_place([1.0], [1.0], 1)
    with pytest.raises(IndexError):
        best_place([1.0], [1.0], -1)
