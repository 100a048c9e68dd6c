"""The verdict on simulated libraries: false alarms about as often as asked for, real hits found."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.errors import InputError
from backend.rules.search import judge
from backend.rules.search.calibration import Background
from backend.rules.search.relevance import best_of_draws, is_relevant

NAN = math.nan
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

BACKGROUNDS: dict[str, Draw] = {
    "normal": lambda generator, count: generator.normal(0.22, 0.03, count),
    "skewed": lambda generator, count: generator.gamma(2.0, 0.05, count),
    "bounded": lambda generator, count: generator.beta(2.0, 8.0, count),
    "exponential tails": lambda generator, count: generator.laplace(0.1, 0.04, count),
    "heavy tails": lambda generator, count: 0.1 + 0.03 * generator.standard_t(5, count),
}


def best_of_queries(draw: Draw, generator: np.random.Generator, media: int, queries: int) -> NDArray[np.float64]:
    """The greatest background similarity of each query, (queries,)."""
    return np.array([draw(generator, media).max() for _ in range(queries)])


@pytest.mark.parametrize("media", [100, 2_000, 10_000])
@pytest.mark.parametrize("name", BACKGROUNDS)
def test_is_relevant__false_alarms(name: str, media: int) -> None:
    """Averaged over several samples of the background, since each errs in its tail in its own way."""
    generator = np.random.default_rng(21)
    draw = BACKGROUNDS[name]
    best = best_of_queries(draw, generator, media, 300)
    rates = []
    for _ in range(12):
        background = Background.from_sample(draw(generator, 20_000))
        rates.append(float((background.calibrate(best) >= best_of_draws(media, 0.05)).mean()))
    # The tail of a t distribution grows faster than any power of the normal score: it is understated far out.
    assert 0.005 <= np.mean(rates) <= (0.25 if name == "heavy tails" else 0.13)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_is_relevant__real_hits(name: str) -> None:
    """A hit clearly above all that chance makes of 2,000 media is found, a rank-and-file one is not."""
    generator = np.random.default_rng(22)
    draw = BACKGROUNDS[name]
    background = Background.from_sample(draw(generator, 20_000))
    extreme = float(np.quantile(best_of_queries(draw, generator, 2_000, 300), 0.99))
    hit = extreme + 0.3 * (extreme - background.mean)
    assert is_relevant(background.calibrate([NAN, 0.2, hit]), 2_000)
    assert not is_relevant(background.calibrate([NAN, 0.2, background.mean + background.std]), 2_000)


def test_is_relevant__the_larger_the_library_the_more_it_takes() -> None:
    assert is_relevant([4.0], 100)
    assert not is_relevant([4.0], 100_000)
    assert is_relevant([4.0], 10_000, false_alarm_rate=0.5)
    assert not is_relevant([], 10)
    assert not is_relevant([NAN], 10)


@pytest.mark.parametrize("draws", [1, 10, 1_000_000])
@pytest.mark.parametrize("chance", [0.001, 0.05, 0.5])
def test_best_of_draws__chance_of_the_maximum(draws: int, chance: float) -> None:
    tail = NormalDist().cdf(-best_of_draws(draws, chance))
    assert -math.expm1(draws * math.log1p(-tail)) == pytest.approx(chance, rel=1e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.8, 1.0])
def test_judge__false_alarms_on_two_legs(alpha: float, correlation: float) -> None:
    generator = np.random.default_rng(23)
    queries, media = 1_500, 1_000
    alarms = 0
    for _ in range(queries):
        image = generator.normal(size=media)
        text = correlation * image + math.sqrt(1 - correlation**2) * generator.normal(size=media)
        text[: media // 4] = NAN
        alarms += judge(image, text, alpha, media, 0.1, correlation).relevant
    # Sidak's correction is an upper bound; the three values of a hit hang together.
    assert 0.04 <= alarms / queries <= 0.12


def test_judge__moderate_on_both_legs_stands_out() -> None:
    verdict = judge([3.6, 3.6, 3.6, 0.0], [3.6, NAN, 0.0, 6.0], 0.5, 10_000)
    assert verdict.stands_out.tolist() == [True, False, False, True]
    assert verdict.relevant
    assert verdict.evidence.tolist() == pytest.approx([3.6 * math.sqrt(2), 3.6, 3.6, 6.0])
    assert verdict.usual_best < verdict.threshold
    # Legs with identical values do not confirm each other.
    assert judge([3.6], [3.6], 0.5, 10_000, correlation=1.0).evidence.tolist() == pytest.approx([3.6])


def test_judge__leg_without_weight_is_not_heard() -> None:
    assert not judge([0.0], [9.0], 1.0, 100).relevant
    assert judge([0.0], [9.0], 0.9, 100).relevant
    nothing = judge([NAN], [NAN], 0.5, 100)
    assert nothing.evidence.tolist() == [-math.inf]
    assert not nothing.relevant
    assert not judge([], [], 0.5, 100).relevant


@pytest.mark.parametrize(("media", "rate"), [(0, 0.05), (10, 0.0), (10, 1.0), (10, NAN)])
def test_is_relevant__refuses(media: int, rate: float) -> None:
    with pytest.raises(InputError):
        is_relevant([1.0], media, rate)


def test_judge__cuts_where_the_evidence_falls_apart() -> None:
    """Pictures of one kind stand out together, although not each of them would alone."""
    verdict = judge([9.0, 8.0, 4.0, 7.5, 1.0, 6.9, 2.0], [NAN] * 7, 1.0, 1_000)
    assert verdict.stands_out.tolist() == [True, True, False, True, False, True, False]
    # 3.8 would not be enough alone, but it belongs to the better ones; 2.9 is less than the best by chance usually is.
    verdict = judge([4.6, 4.3, 3.8, 2.9, 1.0], [NAN] * 5, 1.0, 1_000)
    assert 2.9 < verdict.usual_best < 3.8 < verdict.threshold
    assert verdict.stands_out.tolist() == [True, True, True, False, False]
    # A hit far above all others stands alone, also above those that would have stood out without it.
    assert judge([12.0, 4.6, 4.5, 0.0], [NAN] * 4, 1.0, 1_000).stands_out.tolist() == [True, False, False, False]
    assert judge([3.8, 3.5], [NAN] * 2, 1.0, 1_000).stands_out.tolist() == [False, False]


def test_judge__all_hits_may_stand_out() -> None:
    assert judge([6.0, 5.9, 5.8], [NAN] * 3, 1.0, 100).stands_out.tolist() == [True, True, True]
    assert judge([6.0], [NAN], 1.0, 100).stands_out.tolist() == [True]
