"""Fusion of the two legs of a query into one order. Each method also reports the contribution of each leg.

- `raw`: the cosines themselves, `alpha * sim_image + (1 - alpha) * sim_text`, as the SQL functions compute it. For
  searches from picture to picture, where both legs compare like with like.
- `calibrated`: each cosine is first replaced by its evidence: its surprise in the background of its leg, by the yardstick of
  related pairs (see calibration). For words, whose two legs have different scales.
- `rrf`: reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): uses ranks only, with a weight per leg. It
  needs no background, so it is the fallback of a young library, but it loses the distances between hits.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.errors import InputError
from backend.rules.search.backgrounds import Backgrounds
from backend.rules.search.legs import Vector, both_legs, check_fraction, weighted_sum

RRF_CONSTANT = 60.0


class FusionMethod(StrEnum):
    RAW = "raw"
    CALIBRATED = "calibrated"
    RRF = "rrf"


@dataclass(frozen=True, eq=False)
class Fused:
    """Fused candidates, in the order of the input.

    A leg's contribution is the cosine (raw), its evidence (calibrated) or 1 / (constant + rank) (rrf).

    Attributes:
        combined: (n,) combined value, finite.
        image: (n,) contribution of the image leg before weighting, NaN if it is missing.
        text: (n,) contribution of the text leg before weighting, NaN if it is missing.
    """

    combined: Vector
    image: Vector
    text: Vector


def fuse(
    method: FusionMethod, sim_image: ArrayLike, sim_text: ArrayLike, alpha: float, backgrounds: Backgrounds | None
) -> Fused:
    """Fuse by the given method. Only `calibrated` needs the backgrounds. Raises as the functions of the methods do."""
    match method:
        case FusionMethod.RAW:
            return fuse_raw(sim_image, sim_text, alpha)
        case FusionMethod.RRF:
            return fuse_rrf(sim_image, sim_text, alpha)
        case FusionMethod.CALIBRATED:
            return fuse_calibrated(sim_image, sim_text, alpha, backgrounds or Backgrounds(None, None))


def fuse_raw(sim_image: ArrayLike, sim_text: ArrayLike, alpha: float) -> Fused:
    """Weighted sum of cosines (n,); a missing side (NaN) adds nothing.

    Raises:
        InputError: alpha is outside 0..1.
        ValueError: the legs differ in shape or hold infinity.
    """
    check_fraction("alpha", alpha)
    image, text = both_legs(sim_image, sim_text)
    return Fused(weighted_sum(image, text, alpha), image, text)


def fuse_calibrated(sim_image: ArrayLike, sim_text: ArrayLike, alpha: float, background: Backgrounds) -> Fused:
    """Weighted sum of evidence (n,). A missing side counts as 0, the average of an unrelated one.

    Raises:
        InputError: alpha is outside 0..1, or a leg with similarities has no background.
        ValueError: the legs differ in shape or hold infinity.
    """
    check_fraction("alpha", alpha)
    image, text = both_legs(sim_image, sim_text)
    image, text = background.surprise(image, text)
    return Fused(weighted_sum(image, text, alpha), image, text)


def fuse_rrf(sim_image: ArrayLike, sim_text: ArrayLike, alpha: float, constant: float = RRF_CONSTANT) -> Fused:
    """Weighted sum of reciprocal ranks (n,) among these candidates; a missing side has no rank and adds nothing.

    Equal similarities share the best of their ranks (1, 2, 2, 4), so that the order of input does not matter.

    Args:
        sim_image: cosines of the image leg.
        sim_text: cosines of the text leg.
        alpha: weight of the image leg.
        constant: the greater it is, the less the first ranks differ; 60 in the paper.

    Raises:
        InputError: alpha is outside 0..1, or the constant is negative or not finite.
        ValueError: the legs differ in shape or hold infinity.
    """
    check_fraction("alpha", alpha)
    if not 0.0 <= constant < np.inf:
        raise InputError(f"constant is {constant}.", hint="Choose a constant of 0 or more.", field="constant")
    image, text = (1 / (constant + _ranks(leg)) for leg in both_legs(sim_image, sim_text))
    return Fused(weighted_sum(image, text, alpha), image, text)


def rank(combined: ArrayLike, *tie_breaks: NDArray[Any]) -> NDArray[np.int64]:
    """Rows, best first: by `combined` (n,) descending, then by each tie break (n,) ascending, then by position.

    NaN in a tie break comes last: `rank(fused.combined, -sim_image, media_ids)` is the order of the SQL functions.

    Raises:
        ValueError: `combined` holds NaN.
    """
    values = np.asarray(combined, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("a combined value is NaN")
    # lexsort sorts by its last key first.
    return np.lexsort((*reversed(tie_breaks), -values)).astype(np.int64)


def _ranks(leg: Vector) -> Vector:
    """Ranks from 1, NaN where the leg is missing."""
    present = ~np.isnan(leg)
    ascending = np.sort(leg[present])
    ranks = np.full(leg.shape, np.nan)
    ranks[present] = 1 + len(ascending) - np.searchsorted(ascending, leg[present], side="right")
    return ranks
