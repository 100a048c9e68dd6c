"""Separation of similarities within groups from those across groups, as pure functions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOW = -1.0
BINS = 200
_WIDTH = (1.0 - LOW) / BINS


@dataclass(frozen=True)
class Histogram:
    """A histogram of cosines.

    Attributes:
        counts: number of values in each of BINS bins of equal width from LOW to 1.
    """

    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: ArrayLike) -> "Histogram":
        """Count cosines (n,). A value on the border of two bins belongs to the upper one, so that bins answer "at least"."""
        # The small step keeps 0.82, which is inexact in binary, from falling below its own border.
        bins = np.floor((np.asarray(values, dtype=np.float64) - LOW) / _WIDTH + 1e-9).astype(np.int64)
        counted = np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)
        return cls(tuple(counted.tolist()))

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def shares(self) -> NDArray[np.float64]:
        """The counts as shares of the total; zeros if there are no values."""
        return np.array(self.counts, dtype=np.float64) / max(self.total, 1)

    def share_from(self, similarity: float) -> float:
        """The share of values in the bin of `similarity` and all bins above; 1 belongs to the last bin."""
        first = int(np.clip(np.floor((similarity - LOW) / _WIDTH + 1e-9), 0, BINS - 1))
        return float(self.shares[first:].sum())


@dataclass(frozen=True)
class Separation:
    """Comparison of the cosines of pairs within groups with those of background pairs, which are across groups.

    Attributes:
        same: histogram of the pairs within groups.
        background: histogram of the background pairs.
        area_under_curve: see the function `area_under_curve`; None if a sample is empty.
        overlap: overlap of the histograms, from 0 (disjoint) to 1 (equal); None if a sample is empty.
    """

    same: Histogram
    background: Histogram
    area_under_curve: float | None
    overlap: float | None


def separate(same: ArrayLike, background: ArrayLike) -> Separation:
    """Compare cosines (n,) of pairs of the same group with those (m,) of background pairs.

    Raises:
        ValueError: a cosine is not finite.
    """
    one, other = (np.asarray(values, dtype=np.float64) for values in (same, background))
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("cosines are finite")
    histograms = Histogram.of(one), Histogram.of(other)
    if not len(one) or not len(other):
        return Separation(*histograms, None, None)
    overlap = float(np.minimum(histograms[0].shares, histograms[1].shares).sum())
    return Separation(*histograms, area_under_curve(one, other), overlap)


def area_under_curve(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """The area under the ROC curve of a classifier that separates `positive` (n,) from `negative` (m,) by value.

    It is the probability that a random positive is above a random negative, with ties counted half: the Mann-Whitney U
    divided by n * m. Source: Hanley and McNeil, The meaning and use of the area under a receiver operating characteristic
    (ROC) curve, Radiology 143 (1982).

    Raises:
        ValueError: one of them is empty.
    """
    if not len(positive) or not len(negative):
        raise ValueError("there is nothing to compare")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).mean() / (2 * len(negative)))


def sensitivity(positive: ArrayLike, negative: ArrayLike) -> float | None:
    """The sensitivity index d' of two samples (n,) and (m,); None if there is no spread, or nothing to compare.

    It is the distance of the means in units of the common standard deviation, the root of the mean of both variances: d_a
    of Simpson and Fitter, What is the best index of detectability? Psychological Bulletin 80 (1973).
    """
    one, other = (np.asarray(values, dtype=np.float64) for values in (positive, negative))
    if not len(one) or not len(other):
        return None
    spread = float(np.sqrt((one.var() + other.var()) / 2))
    return float(one.mean() - other.mean()) / spread if spread > 0 else None
