"""Tails of a background: its extrapolation where the sample has few similarities, or none.

Beyond the outermost quantile, similarity is modelled as a power of the normal score: exponent 1 is a normal tail, 2 is
roughly an exponential one, more is heavier. It is the generalised Weibull tail of de Valk (Approximation of high
quantiles from intermediate quantiles, Extremes 2016), which is valid far beyond the sample where a generalised Pareto
tail is not. It is written in normal scores, so that it fits normal backgrounds exactly.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from backend.rules.search.legs import Vector

_NORMAL = NormalDist()
# The tail is fitted to the outermost 1/32 of the sample.
_SHARE = 32
# Precision of cosines that come from half precision; a slope below this has no meaning.
_LEAST_SLOPE = 1e-4
_EXPONENTS = np.arange(0.6, 6.0, 0.05)
# Few exceedances say little about the exponent, so the fit has a prior: a usual tail, 1.25 +- 1.
_USUAL_EXPONENT = 1.25
_EXPONENT_SPREAD = 1.0


@dataclass(frozen=True)
class Tail:
    """One tail, measured outwards from its anchor.

    Attributes:
        anchor_score: normal score of the anchor.
        slope: similarity per unit of normal score at the anchor.
        exponent: exponent of the power.
    """

    anchor_score: float
    slope: float
    exponent: float

    def rise(self, excess: Vector) -> Vector:
        """Growth of the normal score over an excess of similarity >= 0, same shape."""
        stretched = 1 + self.exponent * excess / (self.slope * self.anchor_score)
        rise: Vector = self.anchor_score * (stretched ** (1 / self.exponent) - 1)
        return rise

    def run(self, rise: Vector) -> Vector:
        """The inverse of `rise`: the excess of similarity for a growth of the normal score."""
        run: Vector = (
            self.slope * self.anchor_score * ((1 + rise / self.anchor_score) ** self.exponent - 1) / self.exponent
        )
        return run


def fit_tail(ascending: Vector, weights: Vector, anchor_score: float) -> Tail:
    """Fit the upper tail of a sorted sample (n,) with weights (n,) by penalised maximum likelihood.

    With D_r = r * (X_r - X_r+1) for the r-th largest X, the D are independent and exponential (Renyi, 1953). The mean of
    each is the slope of the quantile function at its position; the power law gives these means up to one factor. With
    weights, r is the weight from X_r on, in units of the weight of X_r+1, and each D counts by that unit.
    """
    units = weights[::-1] * (len(weights) / weights.sum())
    ranks = np.cumsum(units)
    count = min(max(int(np.searchsorted(ranks, len(ascending) / _SHARE + 1e-9, side="right")), 2), len(ascending) - 1)
    largest = ascending[-count - 1 :][::-1]
    ranks, units = ranks[:count], units[1 : count + 1]
    spacings = ranks / units * (largest[:-1] - largest[1:])
    if not spacings.any():
        return Tail(anchor_score, _LEAST_SLOPE, _USUAL_EXPONENT)
    chances = (ranks + 0.5) / (len(ascending) + 1)
    scores = np.array([-_NORMAL.inv_cdf(chance) for chance in chances])
    # d score / d(-log chance) is the Mills ratio.
    mills = chances * np.sqrt(2 * np.pi) * np.exp(scores**2 / 2)
    shapes = (scores / anchor_score) ** (_EXPONENTS[:, None] - 1) * mills
    ratios = (units * spacings / shapes).sum(axis=1)
    slopes = np.maximum(ratios / units.sum(), _LEAST_SLOPE)
    likelihoods = -units.sum() * np.log(slopes) - (units * np.log(shapes)).sum(axis=1) - ratios / slopes
    penalties = ((_EXPONENTS - _USUAL_EXPONENT) / _EXPONENT_SPREAD) ** 2 / 2
    best = int(np.argmax(likelihoods - penalties))
    return Tail(anchor_score, float(slopes[best]), float(_EXPONENTS[best]))
