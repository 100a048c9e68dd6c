"""Calibration of similarities: the position of a similarity in the background of its leg, as a normal score.

The *background* of a leg is the distribution of its similarities over pairs of a query and a picture that are unrelated.
Similarities of words to pictures are within 0.2..0.35, those of words to words within 0..0.8. In a raw sum the leg with
the wider background decides the order alone, whatever alpha is.

Two values follow from the position of a similarity in the background. Both give the same order:

- the **normal score**, for judging and reading: the deviate of the standard normal distribution that has the same percentile.
  It equals the z-score if the background is normal, and a given score is equally rare on both legs, whatever their shapes;
- the **surprise**: -ln(share of the background that is as near) - 1. The sum weighted by alpha is Fisher's combination of
  independent tests (1925; weighted: Good 1955), of which Littell and Folks (1971) showed that no other needs less
  evidence in the long run. -ln of a share is 1 on average where nothing is related, so that 0 is chance, and a
  missing side, which adds nothing, counts as neither for nor against.

For fusing, surprise becomes **evidence** (see `evidence_of`): it is measured by what related pairs of the leg have, since the
background says how far chance reaches, but not how far true hits do. Where these have a normal score of 5.4, as captions to
pictures of the demo model, 3 is a near miss; where they have 3.5, as texts to texts, it is nearly a hit.

Why not something simpler:

- a *percentile* saturates: every good hit has 0.999..., and a picture that is one in a million on one leg loses
  to a picture that is slightly above the middle on both;
- a *z-score* does not saturate, but keeps the shape: on a skewed leg (similarities of texts are skewed) three standard
  deviations are nothing special, and that leg again decides too much;
- the sum of *normal scores* (Stouffer 1949) lets an uninformative leg veto a certain one: among many pictures its best by
  chance, two or three standard deviations up, count for most of a true hit. Surprise rises with the square, so that one in a
  million on one leg outweighs one in a hundred on the other.

`tests/unit/rules/search/test_calibration_choice.py` compares all of these, and raw sums, in a simulation.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from backend.errors import ConfigurationError, InputError
from backend.rules.search.legs import Vector, check_fraction
from backend.rules.search.tails import Tail, fit_tail

LEAST_SAMPLE = 100
# Evidence of a typical related pair. One with less than the least normal score would be no yardstick, and more than the most
# is beyond what samples show.
_RELATED = 10.0
_LEAST_SCORE, _MOST_SCORE = 3.0, 6.0
# Above 1, so that a leg which is sure outweighs chance on the other leg even more. Chosen on one half of the kinds of scenes in
# benchmarks.calibration and shown on the other (decision 12).
_POWER = 1.5
# Mean of the signed power of an unrelated pair's surprise, which is an exponential variable less 1.
_CHANCE = 0.1819
_STEPS = 256
_NORMAL = NormalDist()
_INNER_SCORES = np.array([_NORMAL.inv_cdf(step / _STEPS) for step in range(1, _STEPS)])
# Number of points that represent two backgrounds while they are merged.
_MERGED_POINTS = 8192
_FAR = 30.0


@dataclass(frozen=True, eq=False)
class Background:
    """The background of one leg.

    Attributes:
        count: number of similarities sampled.
        mean: their mean.
        std: their standard deviation.
        quantiles: (257,) quantiles in equal steps of probability, from least to greatest.
        lower: tail below the quantile of 1/256.
        upper: tail above the quantile of 255/256.
    """

    count: int
    mean: float
    std: float
    quantiles: Vector
    lower: Tail
    upper: Tail

    @classmethod
    def from_sample(cls, similarities: ArrayLike, weights: ArrayLike | None = None) -> "Background":
        """Learn from similarities (n,) of random pairs; NaN (a side is missing) is ignored.

        Take unrelated pairs, such as a caption and a picture of another cluster: in a library of ten motifs one random
        pair in ten is related, and no hit would stand out among these. 20,000 pairs make the tails accurate enough for a
        library of 100,000. `weights` (n,) > 0 are what each pair counts, such as less where a text repeats; only their
        ratios matter.

        Raises:
            InputError: fewer than LEAST_SAMPLE similarities, or one that is infinite.
        """
        sample = np.asarray(similarities, dtype=np.float64)
        counted = np.ones(len(sample)) if weights is None else np.asarray(weights, dtype=np.float64)
        known = np.flatnonzero(~np.isnan(sample))
        ascending = known[np.argsort(sample[known], kind="stable")]
        sample, counted = sample[ascending], counted[ascending]
        if len(sample) < LEAST_SAMPLE:
            raise InputError(
                f"{len(sample)} similarities do not make a background.",
                hint=f"Sample at least {LEAST_SAMPLE} pairs, or fuse with rrf until there are as many.",
            )
        if np.isinf(sample[[0, -1]]).any():
            raise InputError("A sampled similarity is infinite.", hint="Sample cosines of unit vectors.")
        mean = float(np.average(sample, weights=counted))
        return cls(
            count=len(sample),
            mean=mean,
            std=math.sqrt(float(np.average((sample - mean) ** 2, weights=counted))),
            quantiles=_quantiles(sample, counted),
            lower=fit_tail(-sample[::-1], counted[::-1], float(_INNER_SCORES[-1])),
            upper=fit_tail(sample, counted, float(_INNER_SCORES[-1])),
        )

    def calibrate(self, similarities: ArrayLike) -> Vector:
        """Normal scores of similarities, same shape; NaN stays NaN. Strictly increasing and unbounded."""
        values = np.asarray(similarities, dtype=np.float64)
        knots, scores = self._knots
        calibrated = np.asarray(np.interp(values, knots, scores))
        above, below = values > knots[-1], values < knots[0]
        calibrated[above] = scores[-1] + self.upper.rise(values[above] - knots[-1])
        calibrated[below] = scores[0] - self.lower.rise(knots[0] - values[below])
        return calibrated

    def percentile(self, similarities: ArrayLike) -> Vector:
        """Share of the background below each similarity, same shape, for display.

        It increases beyond the sample too, up to 1 - 1e-16, the limit of doubles. For ranking, use `calibrate`.
        """
        return _normal_cdf(self.calibrate(similarities))

    def surprise(self, similarities: ArrayLike) -> Vector:
        """-ln(share of the background that is as near) - 1, same shape; NaN stays NaN. Increasing from -1, unbounded."""
        return surprise_of(self.calibrate(similarities))

    def shifted(self, by: float) -> "Background":
        """The same distribution with `by` added to all similarities."""
        return replace(self, mean=self.mean + by, quantiles=self.quantiles + by)

    def z(self, similarities: ArrayLike) -> Vector:
        """Standard deviations above the mean of the background, same shape."""
        deviations: Vector = (np.asarray(similarities, dtype=np.float64) - self.mean) / max(self.std, 1e-12)
        return deviations

    def similarity_at(self, calibrated: ArrayLike) -> Vector:
        """The similarity that has this normal score: the inverse of `calibrate`."""
        wanted = np.asarray(calibrated, dtype=np.float64)
        knots, scores = self._knots
        similarities = np.asarray(np.interp(wanted, scores, knots))
        above, below = wanted > scores[-1], wanted < scores[0]
        similarities[above] = knots[-1] + self.upper.run(wanted[above] - scores[-1])
        similarities[below] = knots[0] - self.lower.run(scores[0] - wanted[below])
        return similarities

    def merged(self, fresh: "Background", weight: float | None = None) -> "Background":
        """The mixture with a newer background, for a library that grows. Neither is changed.

        Args:
            fresh: the newer background.
            weight: its share, 0..1; by default its share of all sampled pairs. A fixed share gradually forgets old
                samples, and so follows a library that changes.

        Raises:
            InputError: the weight is outside 0..1.
        """
        share = fresh.count / (self.count + fresh.count) if weight is None else weight
        check_fraction("weight", share)
        points = round(share * _MERGED_POINTS)
        mixture = Background.from_sample(
            np.concatenate([self.representatives(_MERGED_POINTS - points), fresh.representatives(points)])
        )
        mean = (1 - share) * self.mean + share * fresh.mean
        square = (1 - share) * (self.std**2 + self.mean**2) + share * (fresh.std**2 + fresh.mean**2)
        std = math.sqrt(max(square - mean**2, 0.0))
        return replace(mixture, count=self.count + fresh.count, mean=mean, std=std)

    def representatives(self, points: int) -> Vector:
        """Similarities (points,), ascending, that represent the background: its quantiles in equal steps."""
        return self.similarity_at([_NORMAL.inv_cdf((point + 0.5) / points) for point in range(points)])

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, for a jsonb column."""
        return asdict(self) | {"quantiles": self.quantiles.tolist()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Background":
        """Decode the form that `to_json` writes. Raises ConfigurationError if it is a different one."""
        try:
            return cls(
                count=int(stored["count"]),
                mean=float(stored["mean"]),
                std=float(stored["std"]),
                quantiles=_ascending(stored["quantiles"]),
                lower=Tail(**stored["lower"]),
                upper=Tail(**stored["upper"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"A stored background cannot be read: {error!r}.", hint="Sample the background of this space again."
            ) from error

    @cached_property
    def _knots(self) -> tuple[Vector, Vector]:
        """Similarities and their normal scores, both strictly ascending: equal quantiles share the mean score."""
        knots, groups = np.unique(self.quantiles[1:-1], return_inverse=True)
        return knots, np.bincount(groups, weights=_INNER_SCORES) / np.bincount(groups)


def surprise_of(normal_scores: Vector) -> Vector:
    """The surprise of normal scores, same shape: -ln(share of the background above) - 1. NaN stays NaN."""
    logs = [_log_tail(float(score)) for score in normal_scores.ravel()]
    surprise: Vector = -np.array(logs).reshape(normal_scores.shape) - 1
    return surprise


def evidence_of(normal_scores: Vector, related: float | None) -> Vector:
    """Surprises of normal scores by the yardstick of their leg, same shape; NaN stays NaN. Increasing, with mean 0 for chance.

    A related pair, whose typical normal score is `related`, has about 10. This is F-norm (Poh and Bengio, F-ratio
    client-dependent normalisation for biometric authentication tasks, ICASSP 2005), which maps the mean of impostors to 0
    and that of clients to 1, in terms of surprise, and a power above 1 of it. If `related` is None, it is the surprise.
    """
    surprise = surprise_of(normal_scores)
    if related is None:
        return surprise
    evidence: Vector = (np.sign(surprise) * np.abs(surprise) ** _POWER - _CHANCE) * weight_of(related)
    return evidence


def weight_of(related: float | None) -> float:
    """What evidence is multiplied by on a leg whose related pairs have this normal score; 1 if it is unknown."""
    if related is None:
        return 1.0
    typical = np.array([min(max(related, _LEAST_SCORE), _MOST_SCORE)])
    return float(_RELATED / surprise_of(typical)[0] ** _POWER)


def _normal_cdf(deviates: Vector) -> Vector:
    return np.array([math.erfc(-deviate / math.sqrt(2)) / 2 for deviate in deviates.ravel()]).reshape(deviates.shape)


def _log_tail(deviate: float) -> float:
    """ln(1 - Phi(deviate)), as precise in the far tails as in the middle."""
    if deviate > _FAR:  # erfc underflows there; the asymptotic series is exact to 1e-6
        return -(deviate**2) / 2 - math.log(deviate * math.sqrt(2 * math.pi)) - 1 / deviate**2
    if deviate < 0:
        return math.log1p(-math.erfc(-deviate / math.sqrt(2)) / 2)
    return math.log(math.erfc(deviate / math.sqrt(2)) / 2)


def _quantiles(ascending: Vector, weights: Vector) -> Vector:
    """Quantiles in equal steps of a weighted sample: linear between its values, as `numpy.quantile` if all weigh alike."""
    places = np.cumsum(weights) - weights / 2
    places = (places - places[0]) / (places[-1] - places[0])
    return np.asarray(np.interp(np.linspace(0.0, 1.0, _STEPS + 1), places, ascending))


def _ascending(stored: list[float]) -> Vector:
    quantiles = np.array(stored, dtype=np.float64)
    if quantiles.shape != (_STEPS + 1,) or not (np.diff(quantiles) >= 0).all():
        raise ValueError("the quantiles are not 257 ascending numbers")
    return quantiles
