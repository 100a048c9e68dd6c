"""Sampling of a space's background similarities from unrelated pictures, and their refresh."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backend.rules.search import LEAST_SAMPLE, Backgrounds, Centre, Vector, find_repeats, weigh_repeats
from backend.store.engine import Session, is_read_only
from backend.store.schema import BackgroundRow, Space
from backend.store.search import (
    SampledMedia,
    count_about,
    find_background,
    lock_background,
    match,
    record_background,
    sample_media,
)

_SAMPLED_MEDIA = 2_000
_PAIRS = 40_000
# The fewest pairs of different vectors that show a distribution. Six vectors make 30.
_LEAST_DIFFERENT = 25
_GROWTH = 1.5
# Weight of a refresh relative to all earlier samples. With a fixed share, a changed library is forgotten gradually.
_FRESH_WEIGHT = 0.5


class BackgroundKind(StrEnum):
    """Kinds of backgrounds, by what is compared on the image and on the text side.

    `words`: text with pictures, text with text. `media`: pictures with pictures, text with text. `captions`: pictures with text.
    """

    WORDS = "words"
    MEDIA = "media"
    CAPTIONS = "captions"


@dataclass(frozen=True, eq=False)
class _Side:
    """Vectors (n, d), zero where missing, and which of them exist."""

    rows: NDArray[np.float32]
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, vectors: Sequence[NDArray[np.float32] | None]) -> "_Side":
        present = np.array([vector is not None for vector in vectors], dtype=np.bool_)
        length = next((len(vector) for vector in vectors if vector is not None), 1)
        rows = np.zeros((len(vectors), length), dtype=np.float32)
        for place, vector in enumerate(vectors):
            if vector is not None:
                rows[place] = vector
        return cls(rows, present)

    @property
    def is_empty(self) -> bool:
        return not self.present.any()

    @cached_property
    def repeats(self) -> NDArray[np.bool_]:
        """Which repeat each other (n, n)."""
        return find_repeats(self.rows, self.present)

    @cached_property
    def weights(self) -> Vector:
        """What each counts (n,), so that repeats count like one."""
        return weigh_repeats(self.repeats)

    @cached_property
    def counted(self) -> Vector:
        """The weights (n,), 0 where missing."""
        return self.weights * self.present

    @property
    def mean(self) -> Vector:
        """The weighted mean (d,)."""
        return np.asarray(self.counted @ self.rows / self.counted.sum())


def open_backgrounds(session: Session, space: Space, kind: BackgroundKind) -> Backgrounds | None:
    """The backgrounds of a space. Samples them if there are none, and refreshes them if the library has grown by half.

    Returns:
        None while the library has fewer than two groups or too few unrelated pairs.
    """
    stored = find_background(session, space.id, kind)
    media_count = count_about(session, match())
    is_fresh = stored is not None and media_count < _GROWTH * max(stored.media_count, 1)
    if stored is not None and (is_fresh or is_read_only(session)):
        return Backgrounds.from_json(stored.content)
    # The first sample must be waited for. While an old one is refreshed, others use the old one.
    if not lock_background(session, space.id, wait=stored is None):
        return None if stored is None else Backgrounds.from_json(stored.content)
    # Another process may have sampled during the wait.
    stored = find_background(session, space.id, kind)
    if stored is not None and media_count < _GROWTH * max(stored.media_count, 1):
        return Backgrounds.from_json(stored.content)
    return _sample(session, space, kind, stored, media_count)


def learn_backgrounds(
    media: list[SampledMedia], kind: BackgroundKind, generator: np.random.Generator
) -> Backgrounds | None:
    """Learn backgrounds from ordered pairs of unrelated pictures: in different groups, and neither repeats a side of the other.

    Repeats, such as a caption that many pictures share, weigh like one. None if there are too few pairs.
    """
    clusters = np.array([one.cluster_id for one in media], dtype=np.int64)
    pictures, words, captions = sides = [
        _Side.of([getattr(one, side) for one in media]) for side in ("image", "text", "caption")
    ]
    match kind:
        case BackgroundKind.WORDS:
            legs = _Leg(captions, pictures, clusters), _Leg(words, words, clusters)
        case BackgroundKind.MEDIA:
            legs = _Leg(pictures, pictures, clusters), _Leg(words, words, clusters)
        case BackgroundKind.CAPTIONS:
            legs = _Leg(pictures, captions, clusters), _Leg(_Side.of([]), _Side.of([]), clusters)
    first, second, drawn = _draw_pairs(np.mean([side.weights for side in sides], axis=0), generator)
    unrelated = clusters[first] != clusters[second]
    for side in sides:
        unrelated &= ~side.repeats[first, second]
    share = len(first) / max(len(media) ** 2, 1)
    pairs = first[unrelated], second[unrelated], drawn[unrelated]
    (image, image_weights), (text, text_weights) = (leg.similarities(*pairs, share) for leg in legs)
    if np.isnan(image).all() and np.isnan(text).all():
        return None
    of_image, of_text = (leg.centre() for leg in legs)
    learned = Backgrounds.from_pairs(image, text, of_image, of_text, image_weights, text_weights)
    related = _draw_related(clusters, generator)
    return learned.with_related(*(leg.related_similarities(*related) for leg in legs))


@dataclass(frozen=True, eq=False)
class _Leg:
    """The querying and the queried side (n each), and their groups."""

    asking: _Side
    asked: _Side
    clusters: NDArray[np.int64]

    @property
    def is_empty(self) -> bool:
        return self.asking.is_empty or self.asked.is_empty

    def centre(self) -> Centre | None:
        return None if self.is_empty else Centre(self.asked.mean, self._level)

    def similarities(
        self, first: NDArray[np.int64], second: NDArray[np.int64], drawn: Vector, share: float
    ) -> tuple[Vector, Vector]:
        """Cosines (n,) of pairs and their weights (n,); NaN if a side is missing, or all are where different ones are too few.

        Each cosine is corrected by how much nearer than average the querying side is to unrelated pictures. `drawn` (n,) says
        how much more often than others each pair is drawn, and `share` how many pairs were drawn, of all.
        """
        cosines, weights = np.full(len(first), np.nan), np.ones(len(first))
        if self.is_empty:
            return cosines, weights
        both = self.asking.present[first] & self.asked.present[second]
        a, b = first[both], second[both]
        weights[both] = self.asking.weights[a] * self.asked.weights[b] / drawn[both]
        if both.sum() >= LEAST_SAMPLE and weights[both].sum() >= share * _LEAST_DIFFERENT:
            cosines[both] = np.einsum("ij,ij->i", self.asking.rows[a], self.asked.rows[b])
            cosines[both] -= self._to_unrelated[a] - self._level
        return cosines, weights

    def related_similarities(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Vector:
        """Cosines of pairs of the same group, corrected likewise, without missing sides and without what is there twice."""
        if self.is_empty:
            return np.empty(0)
        repeat = self.asking.repeats[first, second] & self.asked.repeats[first, second]
        both = self.asking.present[first] & self.asked.present[second] & ~repeat
        a, b = first[both], second[both]
        cosines = np.einsum("ij,ij->i", self.asking.rows[a], self.asked.rows[b])
        return np.asarray(cosines - self._to_unrelated[a] + self._level)

    @cached_property
    def _level(self) -> float:
        return float(self._to_unrelated @ self.asking.counted / self.asking.counted.sum())

    @cached_property
    def _to_unrelated(self) -> Vector:
        """Mean cosine (n,) of each to the pictures of other groups."""
        own, of = np.unique(self.clusters, return_inverse=True)
        counted = self.asked.counted
        sums = np.zeros((len(own), self.asked.rows.shape[1]))
        np.add.at(sums, of, self.asked.rows * counted[:, None])
        counts = np.bincount(of, weights=counted, minlength=len(own))
        others = np.maximum(counts.sum() - counts, 1e-9)[:, None]
        means = (sums.sum(axis=0) - sums) / others
        return np.asarray(np.einsum("ij,ij->i", self.asking.rows, means[of]))


def _sample(
    session: Session, space: Space, kind: BackgroundKind, stored: BackgroundRow | None, media_count: int
) -> Backgrounds | None:
    media = sample_media(session, space.id, media_count, _SAMPLED_MEDIA)
    fresh = learn_backgrounds(media, kind, np.random.default_rng())
    if fresh is None:
        return None if stored is None else Backgrounds.from_json(stored.content)
    if stored is not None:
        fresh = Backgrounds.from_json(stored.content).merged(fresh, _FRESH_WEIGHT)
    if not is_read_only(session):  # a standby has to sample for itself until the primary has
        record_background(session, space.id, kind, fresh.to_json(), media_count)
    return fresh


def _draw_pairs(weights: Vector, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector]:
    """Ordered pairs of rows: all if they are few, otherwise a random sample in which rows (n,) come by their weights.

    Returns the rows and how much more often than by equal weights each pair comes.
    """
    count = len(weights)
    if count**2 <= _PAIRS:
        first, second = np.divmod(np.arange(count**2), max(count, 1))
        return first, second, np.ones(len(first))
    often = weights * (count / weights.sum())
    first, second = generator.choice(count, size=(2, _PAIRS), p=often / count)
    return first, second, often[first] * often[second]


def _draw_related(
    clusters: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ordered pairs of different rows of one group: all if they are few, otherwise a random sample."""
    first, second = np.nonzero((clusters[:, None] == clusters) & ~np.eye(len(clusters), dtype=np.bool_))
    if len(first) > _PAIRS:
        drawn = generator.integers(len(first), size=_PAIRS)
        first, second = first[drawn], second[drawn]
    return first, second
