"""Relevance test: whether any hit is nearer than the nearest of many unrelated pictures would be by chance.

Among n background draws the greatest is itself extreme, and the more so the larger the library. A hit stands out if the
best of n draws would reach its value in at most a given share of queries: the false alarm rate. The probability for one
draw is then `1 - (1 - rate) ** (1 / (n * tests))` (Sidak, 1967), in the tail of the background.

Dependent draws (near-duplicates; a query whose words are near to everything) make the best of n less extreme than
independent ones, so the rate is an upper bound there. It is met closely while n does not exceed the number of sampled
similarities; beyond that it relies on the extrapolated tail.

Which hits stand out, once one does, is where their evidence falls apart: those before the largest gap, of the gaps below
hits that are no worse than the best of the background usually is. A fixed threshold cuts through pictures of one kind, as
it is made for the best of all and not for the others.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.errors import InputError
from backend.rules.search.legs import Vector, both_legs, check_count, check_fraction

FALSE_ALARM_RATE = 0.05
_NORMAL = NormalDist()


@dataclass(frozen=True, eq=False)
class Verdict:
    """The result of the relevance test.

    Attributes:
        relevant: whether any hit stands out.
        stands_out: (n,) whether the hit stands out.
        evidence: (n,) greatest normal score of the hit, over its legs and their weighted sum; -inf if it has none.
        threshold: evidence that the best hit needs for any to stand out.
        usual_best: median of the best of equally many background draws. A hit with less does not stand out.
    """

    relevant: bool
    stands_out: NDArray[np.bool_]
    evidence: Vector
    threshold: float
    usual_best: float


def judge(
    calibrated_image: ArrayLike,
    calibrated_text: ArrayLike,
    alpha: float,
    media_count: int,
    false_alarm_rate: float = FALSE_ALARM_RATE,
    correlation: float = 0.0,
) -> Verdict:
    """Test hits by their normal scores (n,) on both legs, see `Backgrounds.calibrate`.

    A hit may stand out on one leg that has weight, or moderately on both: their weighted sum, divided by its standard
    deviation in the background, is again a normal score.

    Args:
        calibrated_image: normal scores of the image leg, NaN where missing.
        calibrated_text: those of the text leg.
        alpha: weight of the image leg.
        media_count: number of pictures, after filters, that the hits are the best of.
        false_alarm_rate: share of the queries without a relevant picture for which one may be reported.
        correlation: correlation of the legs' normal scores in the background.

    Raises:
        InputError: alpha or the rate is out of range, or the count is below one.
        ValueError: the legs differ in shape or hold infinity.
    """
    check_fraction("alpha", alpha)
    image, text = both_legs(calibrated_image, calibrated_text)
    image_weight = np.where(np.isnan(image), 0.0, alpha)
    text_weight = np.where(np.isnan(text), 0.0, 1 - alpha)
    variance = image_weight**2 + text_weight**2 + 2 * correlation * image_weight * text_weight
    total = image_weight * np.nan_to_num(image) + text_weight * np.nan_to_num(text)
    fused = np.divide(total, np.sqrt(variance), out=np.full(total.shape, -np.inf), where=variance > 0)
    evidence = np.maximum.reduce(
        [fused, np.where(image_weight > 0, image, -np.inf), np.where(text_weight > 0, text, -np.inf)]
    )
    legs = int((image_weight > 0).any()) + int((text_weight > 0).any())
    draws = media_count * (3 if legs == 2 else 1)
    threshold = best_of_draws(draws, false_alarm_rate)
    usual_best = best_of_draws(draws, 0.5)
    relevant = bool((evidence >= threshold).any())
    stands_out = evidence >= fall(evidence, usual_best) if relevant else np.zeros(len(evidence), dtype=np.bool_)
    return Verdict(relevant, stands_out, evidence, threshold, usual_best)


def fall(evidence: Vector, least: float) -> float:
    """The evidence of the last hit before the largest gap, among hits with at least `least`, one of which there has to be.

    Below the last of all hits, whose next is unknown, the gap reaches to `least`.
    """
    falling = np.append(np.sort(evidence)[::-1], -np.inf)
    strong = int(np.count_nonzero(falling >= least))
    gaps = falling[:strong] - np.maximum(falling[1 : strong + 1], least if strong == len(evidence) else -np.inf)
    return float(falling[int(np.argmax(gaps))])


def is_relevant(calibrated: ArrayLike, media_count: int, false_alarm_rate: float = FALSE_ALARM_RATE) -> bool:
    """Whether the best of one leg's normal scores (n,) stands out from `media_count` background draws. Ignores NaN.

    Raises:
        InputError: the rate is out of range, or the count is below one.
    """
    best = np.fmax.reduce(np.asarray(calibrated, dtype=np.float64), initial=-np.inf)
    return bool(best >= best_of_draws(media_count, false_alarm_rate))


def best_of_draws(draws: int, chance: float) -> float:
    """The normal score that the best of `draws` independent background draws reaches with this probability.

    Raises:
        InputError: the chance is not strictly between 0 and 1, or there are no draws.
    """
    check_count("media_count", draws)
    if not 0.0 < chance < 1.0:
        raise InputError(
            f"The false alarm rate is {chance}.",
            hint="Choose a rate above 0 and below 1, such as 0.05.",
            field="false_alarm_rate",
        )
    of_one = -math.expm1(math.log1p(-chance) / draws)
    return -_NORMAL.inv_cdf(of_one)
