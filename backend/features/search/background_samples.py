"""Sampling of a space's background similarities from unrelated pictures, and their refresh."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backend.rules.search import LEAST_SAMPLE, Backgrounds, Centre, Vector
from backend.store.engine import Session
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
    """Vectors (n, d), and which of them exist."""

    rows: NDArray[np.float32]
    present: NDArray[np.bool_]

    @property
    def is_empty(self) -> bool:
        return not self.present.any()


def open_backgrounds(session: Session, space: Space, kind: BackgroundKind) -> Backgrounds | None:
    """The backgrounds of a space. Samples them if there are none, and refreshes them if the library has grown by half.

    Returns:
        None while the library has fewer than two groups or too few unrelated pairs.
    """
    stored = find_background(session, space.id, kind)
    media_count = count_about(session, match())
    if stored is not None and media_count < _GROWTH * max(stored.media_count, 1):
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
    """Learn backgrounds from ordered pairs of pictures in different groups. None if there are too few."""
    clusters = np.array([one.cluster_id for one in media], dtype=np.int64)
    first, second = _unrelated_pairs(clusters, generator)
    pictures, words, captions = (_side([getattr(one, side) for one in media]) for side in ("image", "text", "caption"))
    match kind:
        case BackgroundKind.WORDS:
            legs = _Leg(captions, pictures, clusters), _Leg(words, words, clusters)
        case BackgroundKind.MEDIA:
            legs = _Leg(pictures, pictures, clusters), _Leg(words, words, clusters)
        case BackgroundKind.CAPTIONS:
            legs = _Leg(pictures, captions, clusters), _Leg(_side([]), _side([]), clusters)
    image, text = (leg.similarities(first, second) for leg in legs)
    if max(np.count_nonzero(~np.isnan(leg)) for leg in (image, text)) < LEAST_SAMPLE:
        return None
    return Backgrounds.from_pairs(image, text, *(leg.centre() for leg in legs))


@dataclass(frozen=True, eq=False)
class _Leg:
    """The querying and the queried side (n each), and their groups."""

    asking: _Side
    asked: _Side
    clusters: NDArray[np.int64]

    def centre(self) -> Centre | None:
        if self.asking.is_empty or self.asked.is_empty:
            return None
        mean = self.asked.rows[self.asked.present].mean(axis=0, dtype=np.float64)
        return Centre(mean, float(self._to_unrelated[self.asking.present].mean()))

    def similarities(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Vector:
        """Cosines (n,) of pairs, NaN if a side is missing. Each is corrected by how much nearer than average the
        querying side is to unrelated pictures."""
        cosines = np.full(len(first), np.nan)
        if self.asking.is_empty or self.asked.is_empty:
            return cosines
        both = self.asking.present[first] & self.asked.present[second]
        a, b = first[both], second[both]
        cosines[both] = np.einsum("ij,ij->i", self.asking.rows[a], self.asked.rows[b])
        cosines[both] -= self._to_unrelated[a] - self._to_unrelated[self.asking.present].mean()
        return cosines

    @cached_property
    def _to_unrelated(self) -> Vector:
        """Mean cosine (n,) of each to the pictures of other groups."""
        own, of = np.unique(self.clusters, return_inverse=True)
        sums = np.zeros((len(own), self.asked.rows.shape[1]))
        np.add.at(sums, of, self.asked.rows)  # missing vectors are zero
        counts = np.bincount(of, weights=self.asked.present, minlength=len(own))
        others = np.maximum(counts.sum() - counts, 1)[:, None]
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
    record_background(session, space.id, kind, fresh.to_json(), media_count)
    return fresh


def _unrelated_pairs(
    clusters: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ordered pairs of rows in different groups: all if they are few, otherwise a random sample."""
    count = len(clusters)
    if count**2 <= _PAIRS:
        first, second = np.divmod(np.arange(count**2), max(count, 1))
    else:
        first, second = generator.integers(count, size=(2, _PAIRS))
    unrelated = clusters[first] != clusters[second]
    return first[unrelated], second[unrelated]


def _side(vectors: list[NDArray[np.float32] | None] | list[NDArray[np.float32]]) -> _Side:
    present = np.array([vector is not None for vector in vectors], dtype=np.bool_)
    length = next((len(vector) for vector in vectors if vector is not None), 1)
    rows = np.zeros((len(vectors), length), dtype=np.float32)
    for index, vector in enumerate(vectors):
        if vector is not None:
            rows[index] = vector
    return _Side(rows, present)
