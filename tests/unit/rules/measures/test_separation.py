"""Separation of two samples of similarities, against counting every pair."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.rules.measures import BINS, LOW, Histogram, sensitivity, separate
from backend.rules.measures.separation import area_under_curve

# Few values, so that ties are many.
cosines = st.lists(st.integers(-5, 50).map(lambda step: step / 50), min_size=1, max_size=40)


@given(cosines, cosines)
def test_area_under_curve__as_counting_every_pair(positive: list[float], negative: list[float]) -> None:
    wins = sum((one > other) + (one == other) / 2 for one in positive for other in negative)
    found = area_under_curve(np.array(positive), np.array(negative))
    assert found == pytest.approx(wins / (len(positive) * len(negative)))


def test_area_under_curve__at_the_ends() -> None:
    low, high = np.array([0.1, 0.2]), np.array([0.8, 0.9])
    assert area_under_curve(high, low) == 1
    assert area_under_curve(low, high) == 0
    assert area_under_curve(low, low) == 0.5
    with pytest.raises(ValueError, match="nothing"):
        area_under_curve(low, np.array([]))


@example([1.0], 1.0)
@given(cosines, st.integers(-45, 50).map(lambda step: round(step / 50, 2)))
def test_histogram__what_lies_at_a_threshold_counts_as_above(values: list[float], threshold: float) -> None:
    found = Histogram.of(values)
    assert len(found.counts) == BINS
    assert found.total == len(values)
    assert found.share_from(threshold) == pytest.approx(np.mean(np.array(values) >= threshold - 1e-12))


def test_histogram__the_ends_are_kept() -> None:
    found = Histogram.of([-1.0, LOW, 1.0, 1.0000001])
    assert found.counts[0] == 2
    assert found.counts[-1] == 2
    assert Histogram.of([]).shares.sum() == 0


@given(cosines, cosines)
def test_separate__overlap_is_the_common_part(same: list[float], background: list[float]) -> None:
    found = separate(same, background)
    one, other = np.array(found.same.counts) / len(same), np.array(found.background.counts) / len(background)
    assert found.overlap == pytest.approx(sum(min(pair) for pair in zip(one, other, strict=True)))
    assert separate(same, same).overlap == pytest.approx(1)


def test_separate__nothing_to_compare() -> None:
    found = separate([0.9], [])
    assert (found.area_under_curve, found.overlap) == (None, None)
    with pytest.raises(ValueError, match="finite"):
        separate([float("nan")], [0.1])


def test_sensitivity__is_the_shift_in_standard_deviations() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(scale=0.2, size=20_000)
    assert sensitivity(noise + 0.5, generator.normal(scale=0.2, size=20_000)) == pytest.approx(2.5, abs=0.05)
    # Of unequal spreads, the root of the mean of the variances.
    assert sensitivity([0.0, 2.0], [-3.0, 3.0]) == pytest.approx(1 / np.sqrt((1 + 9) / 2))
    assert sensitivity([1.0, 1.0], [0.0]) is None
    assert sensitivity([], [0.5]) is None
