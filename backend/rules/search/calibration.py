"""What a similarity of one leg means: where it lies in that leg's background, as a normal score.

The *background* of a leg is the distribution of its similarities over pairs of a query and a media that have nothing
to do with each other. Similarities of words to pictures live within 0.2..0.35, those of words to words within
0..0.8. In a raw sum the leg with the wider background decides the order alone, whatever alpha says.

From where a similarity lies in the background follow two values of the same order:

- the **normal score**, for judging and reading: the deviate of the standard normal distribution that has the same percentile.
  It equals the z-score where the background is normal, and is as rare on one leg as on the other whatever the shapes;
- the **surprise**, for fusing: -ln(share of the background that is as near) - 1. The sum weighted by alpha is Fisher's
  combination of independent tests (1925; weighted: Good 1955), of which Littell and Folks (1971) showed that no other
  needs less evidence in the long run. -ln of a share is 1 on average where nothing is related, so that 0 is chance,
  and a missing side, which adds nothing, counts as neither for nor against.

Why not another:

- a *percentile* saturates: every good hit has 0.999..., and a picture that is one in a million on one leg loses
  to a picture that is slightly above the middle on both;
- a *z-score* does not saturate, but keeps the shape: on a skewed leg, and similarities of texts are skewed, three
  standard deviations are nothing special, and that leg again decides too much;
- the sum of *normal scores* (Stouffer 1949) lets a leg that knows nothing veto one that is sure: its chance bests, among many media
  two or three standard deviations up, are worth as much as most of a true hit. Surprise rises with the square, so that being one
  in a million on one leg outweighs being one in a hundred on the other.

`tests/unit/rules/search/test_calibration_choice.py` simulates all of them beside raw sums.
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
_STEPS = 256
_NORMAL = NormalDist()
_INNER_SCORES = np.array([_NORMAL.inv_cdf(step / _STEPS) for step in range(1, _STEPS)])
# How many points stand for two backgrounds while they are merged.
_MERGED_POINTS = 8192
_FAR = 30.0


@dataclass(frozen=True, eq=False)
class Background:
    """The background of one leg.

    count: similarities sampled; mean, std: their moments; quantiles: (257,) from least to greatest in equal steps
    of probability; lower, upper: how it goes on beyond the quantiles of 1/256 and 255/256.
    """

    count: int
    mean: float
    std: float
    quantiles: Vector
    lower: Tail
    upper: Tail

    @classmethod
    def from_sample(cls, similarities: ArrayLike) -> "Background":
        """Learn from similarities (n,) of random pairs; NaN (a side is missing) is left out.

        Take pairs that are unrelated, such as a caption and a picture of another cluster: a library of ten motifs
        has one related pair in ten, and among these no hit would stand out. 20,000 pairs make the tails good for a
        library of 100,000.

        Raises:
            InputError: fewer than LEAST_SAMPLE similarities, or one that is infinite.
        """
        sample = np.asarray(similarities, dtype=np.float64)
        sample = np.sort(sample[~np.isnan(sample)])
        if len(sample) < LEAST_SAMPLE:
            raise InputError(
                f"{len(sample)} similarities do not make a background.",
                hint=f"Sample at least {LEAST_SAMPLE} pairs, or fuse with rrf until there are as many.",
            )
        if np.isinf(sample[[0, -1]]).any():
            raise InputError("A sampled similarity is infinite.", hint="Sample cosines of unit vectors.")
        return cls(
            count=len(sample),
            mean=float(sample.mean()),
            std=float(sample.std()),
            quantiles=np.quantile(sample, np.linspace(0.0, 1.0, _STEPS + 1)),
            lower=fit_tail(-sample[::-1], float(_INNER_SCORES[-1])),
            upper=fit_tail(sample, float(_INNER_SCORES[-1])),
        )

    def calibrate(self, similarities: ArrayLike) -> Vector:
        """Normal scores of similarities, same shape; NaN stays NaN. Strictly increasing, without an end."""
        values = np.asarray(similarities, dtype=np.float64)
        knots, scores = self._knots
        calibrated = np.asarray(np.interp(values, knots, scores))
        above, below = values > knots[-1], values < knots[0]
        calibrated[above] = scores[-1] + self.upper.rise(values[above] - knots[-1])
        calibrated[below] = scores[0] - self.lower.rise(knots[0] - values[below])
        return calibrated

    def percentile(self, similarities: ArrayLike) -> Vector:
        """Share of the background below each similarity, same shape, for people to read.

        Increasing beyond the sample too, until 1 - 1e-16, where doubles end; to rank by, take `calibrate`.
        """
        return _normal_cdf(self.calibrate(similarities))

    def surprise(self, similarities: ArrayLike) -> Vector:
        """-ln(share of the background that is as near) - 1, same shape; NaN stays NaN. Increasing, from -1 on without an end."""
        return surprise_of(self.calibrate(similarities))

    def shifted(self, by: float) -> "Background":
        """The same distribution, all of its similarities greater by so much."""
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
        """The mixture with a newer background, as the library grows. Neither is changed.

        Args:
            fresh: what was sampled since.
            weight: its share, 0..1; its share of all sampled pairs where not given. A fixed share forgets the old
                by and by, which follows a library that changes.

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
        """Similarities (points,), ascending, that stand for the whole background: its quantiles in equal steps."""
        return self.similarity_at([_NORMAL.inv_cdf((point + 0.5) / points) for point in range(points)])

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, for a jsonb column."""
        return asdict(self) | {"quantiles": self.quantiles.tolist()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Background":
        """Raises ConfigurationError where the stored form is not that of `to_json`."""
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


def _normal_cdf(deviates: Vector) -> Vector:
    return np.array([math.erfc(-deviate / math.sqrt(2)) / 2 for deviate in deviates.ravel()]).reshape(deviates.shape)


def _log_tail(deviate: float) -> float:
    """ln(1 - Phi(deviate)), as precise in the far tails as in the middle."""
    if deviate > _FAR:  # erfc comes to 0 there; the asymptotic series is exact to 1e-6
        return -(deviate**2) / 2 - math.log(deviate * math.sqrt(2 * math.pi)) - 1 / deviate**2
    if deviate < 0:
        return math.log1p(-math.erfc(-deviate / math.sqrt(2)) / 2)
    return math.log(math.erfc(deviate / math.sqrt(2)) / 2)


def _ascending(stored: list[float]) -> Vector:
    quantiles = np.array(stored, dtype=np.float64)
    if quantiles.shape != (_STEPS + 1,) or not (np.diff(quantiles) >= 0).all():
        raise ValueError("the quantiles are not 257 ascending numbers")
    return quantiles
