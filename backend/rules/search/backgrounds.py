"""The backgrounds of both legs, learned together from the same random pairs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from backend.errors import ConfigurationError, InputError
from backend.rules.search.calibration import LEAST_SAMPLE, Background, evidence_of, weight_of
from backend.rules.search.legs import Vector, both_legs


@dataclass(frozen=True, eq=False)
class Centre:
    """The centre of a library on one leg. It corrects for queries that are near to everything, or to nothing.

    Attributes:
        mean: (d,) mean of the pictures' vectors. Its product with a query is the query's mean similarity to the library.
        level: mean of these products over the queries that the background was learned from.
    """

    mean: Vector
    level: float

    def shift(self, query: ArrayLike) -> float:
        """How much nearer a query (d,) is to the library than an average query."""
        return float(np.asarray(query, dtype=np.float64) @ self.mean) - self.level

    def merged(self, fresh: "Centre", weight: float) -> "Centre":
        """The mixture with a newer centre of the given weight, 0..1."""
        return Centre((1 - weight) * self.mean + weight * fresh.mean, (1 - weight) * self.level + weight * fresh.level)

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean.tolist(), "level": self.level}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Centre":
        return cls(np.array(stored["mean"], dtype=np.float64), float(stored["level"]))


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """The backgrounds of both legs, for one space and one kind of query (words, media or captions).

    Attributes:
        image: background of the image leg, None if there are too few similarities to learn from.
        text: background of the text leg; None likewise, as in a library without texts.
        correlation: correlation of the legs' normal scores in random pairs, 0..1.
        image_centre: centre by which `about` shifts the image leg, None for no shift.
        text_centre: centre by which `about` shifts the text leg, None for no shift.
        image_related: typical normal score of related pairs on the image leg, None if unknown.
        text_related: that of the text leg. One alone does not count: it says nothing of how the legs compare.
    """

    image: Background | None
    text: Background | None
    correlation: float = 0.0
    image_centre: Centre | None = None
    text_centre: Centre | None = None
    image_related: float | None = None
    text_related: float | None = None

    @classmethod
    def from_pairs(
        cls,
        sim_image: ArrayLike,
        sim_text: ArrayLike,
        image_centre: Centre | None = None,
        text_centre: Centre | None = None,
        image_weights: ArrayLike | None = None,
        text_weights: ArrayLike | None = None,
    ) -> "Backgrounds":
        """Learn from both similarities (n,) of the same random pairs, NaN where a side is missing.

        See `Background.from_sample` on which pairs to take, and on their weights (n,). With a centre, subtract the query's
        shift from each similarity first.

        Raises:
            InputError: a similarity is infinite.
            ValueError: the legs differ in shape or hold infinity.
        """
        image, text = both_legs(sim_image, sim_text)
        weights = tuple(_weights(given, len(image)) for given in (image_weights, text_weights))
        backgrounds = cls(_learn(image, weights[0]), _learn(text, weights[1]))
        correlation = backgrounds._correlate(image, text, np.minimum(*weights))
        return cls(backgrounds.image, backgrounds.text, correlation, image_centre, text_centre)

    def with_related(self, sim_image: ArrayLike, sim_text: ArrayLike) -> "Backgrounds":
        """With the typical normal scores of related pairs, from their similarities (n,) and (m,), corrected like those of
        `from_pairs`; NaN is ignored. Fewer than LEAST_SAMPLE on either leg say nothing.

        """
        image, text = (
            _typical(background, sims) for background, sims in ((self.image, sim_image), (self.text, sim_text))
        )
        return replace(self, image_related=image, text_related=text)

    def about(self, image_query: ArrayLike | None, text_query: ArrayLike | None) -> "Backgrounds":
        """The backgrounds for one query, given by its vectors (d_image,) and (d_text,).

        Each leg is shifted by how much nearer the query is to the library than an average query. This is the centring half
        of test normalisation (Auckenthaler, Carey and Lloyd-Thomas 2000). It needs no cohort to compare with, since the
        mean of similarities is the similarity to the mean.
        """
        return replace(
            self,
            image=_about(self.image, self.image_centre, image_query),
            text=_about(self.text, self.text_centre, text_query),
        )

    def calibrate(self, sim_image: ArrayLike, sim_text: ArrayLike) -> tuple[Vector, Vector]:
        """Normal scores (n,) of both legs; NaN stays NaN.

        Raises:
            InputError: a leg holds similarities but has no background.
            ValueError: the legs differ in shape or hold infinity.
        """
        image, text = both_legs(sim_image, sim_text)
        return _calibrate("image", image, self.image), _calibrate("text", text, self.text)

    def surprise(self, sim_image: ArrayLike, sim_text: ArrayLike) -> tuple[Vector, Vector]:
        """Evidence (n,) of both legs, see `evidence_of`; NaN stays NaN. Raises as `calibrate`."""
        return self.evidence(*self.calibrate(sim_image, sim_text))

    def evidence(self, image: Vector, text: Vector) -> tuple[Vector, Vector]:
        """Evidence (n,) of the normal scores of both legs; NaN stays NaN."""
        of_image, of_text = self._yardsticks
        return evidence_of(image, of_image), evidence_of(text, of_text)

    @property
    def weights(self) -> tuple[float, float]:
        """What the evidence of each leg is multiplied by, see `weight_of`."""
        of_image, of_text = self._yardsticks
        return weight_of(of_image), weight_of(of_text)

    @property
    def _yardsticks(self) -> tuple[float | None, float | None]:
        if self.image_related is None or self.text_related is None:
            return None, None
        return self.image_related, self.text_related

    def merged(self, fresh: "Backgrounds", weight: float | None = None) -> "Backgrounds":
        """Merge each leg by `Background.merged`, and raise as it does. If one side is None, the other is taken."""
        pairs = _pairs(self) + _pairs(fresh)
        share = (_pairs(fresh) / pairs if pairs else 0.0) if weight is None else weight
        return Backgrounds(
            _merge(self.image, fresh.image, weight),
            _merge(self.text, fresh.text, weight),
            (1 - share) * self.correlation + share * fresh.correlation,
            _merge_centres(self.image_centre, fresh.image_centre, share),
            _merge_centres(self.text_centre, fresh.text_centre, share),
            _merge_numbers(self.image_related, fresh.image_related, share),
            _merge_numbers(self.text_related, fresh.text_related, share),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, for a jsonb column."""
        return {
            "image": None if self.image is None else self.image.to_json(),
            "text": None if self.text is None else self.text.to_json(),
            "correlation": self.correlation,
            "image_centre": None if self.image_centre is None else self.image_centre.to_json(),
            "text_centre": None if self.text_centre is None else self.text_centre.to_json(),
            "image_related": self.image_related,
            "text_related": self.text_related,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Backgrounds":
        """Decode the form that `to_json` writes. Raises ConfigurationError if it is a different one."""
        try:
            legs = stored["image"], stored["text"]
            correlation = float(stored["correlation"])
            centres = [
                None if stored[name] is None else Centre.from_json(stored[name])
                for name in ("image_centre", "text_centre")
            ]
            # Samples of earlier versions have no related pairs.
            given = [stored.get(name) for name in ("image_related", "text_related")]
            related = [None if one is None else float(one) for one in given]
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"Stored backgrounds cannot be read: {error!r}.", hint="Sample the background of this space again."
            ) from error
        image, text = (None if leg is None else Background.from_json(leg) for leg in legs)
        return cls(image, text, correlation, centres[0], centres[1], related[0], related[1])

    def _correlate(self, image: Vector, text: Vector, weights: Vector) -> float:
        """Correlation of the normal scores. Not below 0: a negative one would make moderate hits look strong."""
        both = ~(np.isnan(image) | np.isnan(text))
        if self.image is None or self.text is None or both.sum() < LEAST_SAMPLE:
            return 0.0
        scores = self.image.calibrate(image[both]), self.text.calibrate(text[both])
        if min(leg.std() for leg in scores) == 0:
            return 0.0
        variances = np.cov(scores, aweights=weights[both])
        return float(np.clip(variances[0, 1] / np.sqrt(variances[0, 0] * variances[1, 1]), 0.0, 1.0))


def _pairs(backgrounds: Backgrounds) -> int:
    return max(0 if leg is None else leg.count for leg in (backgrounds.image, backgrounds.text))


def _learn(leg: Vector, weights: Vector) -> Background | None:
    return None if np.count_nonzero(~np.isnan(leg)) < LEAST_SAMPLE else Background.from_sample(leg, weights)


def _typical(background: Background | None, similarities: ArrayLike) -> float | None:
    """The median normal score; None if there are too few, or no background."""
    known = np.asarray(similarities, dtype=np.float64)
    known = known[~np.isnan(known)]
    if background is None or len(known) < LEAST_SAMPLE:
        return None
    return float(np.median(background.calibrate(known)))


def _merge_numbers(old: float | None, fresh: float | None, share: float) -> float | None:
    return fresh if old is None else old if fresh is None else (1 - share) * old + share * fresh


def _weights(given: ArrayLike | None, count: int) -> Vector:
    return np.ones(count) if given is None else np.asarray(given, dtype=np.float64)


def _calibrate(name: str, leg: Vector, background: Background | None) -> Vector:
    if background is not None:
        return background.calibrate(leg)
    if not np.isnan(leg).all():
        raise InputError(
            f"The {name} leg of the active space has no background to calibrate by.",
            hint="Use the method rrf, or wait until the background is sampled.",
            field="method",
        )
    return leg


def _about(background: Background | None, centre: Centre | None, query: ArrayLike | None) -> Background | None:
    return (
        background if background is None or centre is None or query is None else background.shifted(centre.shift(query))
    )


def _merge_centres(old: Centre | None, fresh: Centre | None, share: float) -> Centre | None:
    return fresh if old is None else old if fresh is None else old.merged(fresh, share)


def _merge(old: Background | None, fresh: Background | None, weight: float | None) -> Background | None:
    return fresh if old is None else old if fresh is None else old.merged(fresh, weight)
