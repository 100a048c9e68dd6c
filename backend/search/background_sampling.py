"""Sample the background of a space from media that have nothing to do with each other, and keep it fresh."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.db.backgrounds import (
    SampledMedia,
    count_embedded,
    find_background,
    lock_background,
    record_background,
    sample_media,
)
from backend.db.tables import BackgroundRow, Space
from backend.search.backgrounds import Backgrounds
from backend.search.calibration import LEAST_SAMPLE
from backend.search.legs import Vector

_SAMPLED_MEDIA = 2_000
_PAIRS = 40_000
_GROWTH = 1.5
# What a refresh counts for beside all that was sampled before; a fixed share forgets a library that has changed.
_FRESH_WEIGHT = 0.5


class BackgroundKind(StrEnum):
    """words: words against pictures, and words against words; media: pictures against pictures, words against words."""

    WORDS = "words"
    MEDIA = "media"


@dataclass(frozen=True, eq=False)
class _Side:
    """Rows (n, d), and which of them are there."""

    rows: NDArray[np.float32]
    present: NDArray[np.bool_]


def open_backgrounds(session: Session, space: Space, kind: BackgroundKind) -> Backgrounds | None:
    """The backgrounds of a space, sampled now where there are none, refreshed where the library has grown by half.

    Returns:
        None while the library has fewer than two clusters or too few unrelated pairs.
    """
    stored = find_background(session, space.id, kind)
    media_count = count_embedded(session)
    if stored is not None and media_count < _GROWTH * max(stored.media_count, 1):
        return Backgrounds.from_json(stored.content)
    # The first has to be waited for; whoever finds an old one under repair uses the old one.
    if not lock_background(session, space.id, wait=stored is None):
        return None if stored is None else Backgrounds.from_json(stored.content)
    # Somebody else may have sampled while this one waited.
    stored = find_background(session, space.id, kind)
    if stored is not None and media_count < _GROWTH * max(stored.media_count, 1):
        return Backgrounds.from_json(stored.content)
    return _sample(session, space, kind, stored, media_count)


def pair_similarities(
    media: list[SampledMedia], kind: BackgroundKind, generator: np.random.Generator
) -> tuple[Vector, Vector]:
    """Cosines (n,) of both legs over ordered pairs of media of different clusters, NaN where a side is missing."""
    first, second = _unrelated_pairs(np.array([one.cluster_id for one in media]), generator)
    image = _side([one.image for one in media])
    text = _side([one.text for one in media])
    asking = _side([one.caption for one in media]) if kind is BackgroundKind.WORDS else image
    return _cosines(asking, image, first, second), _cosines(text, text, first, second)


def _sample(
    session: Session, space: Space, kind: BackgroundKind, stored: BackgroundRow | None, media_count: int
) -> Backgrounds | None:
    media = sample_media(session, space.id, media_count, _SAMPLED_MEDIA)
    sim_image, sim_text = pair_similarities(media, kind, np.random.default_rng())
    if np.count_nonzero(~np.isnan(sim_image)) < LEAST_SAMPLE and np.count_nonzero(~np.isnan(sim_text)) < LEAST_SAMPLE:
        return None if stored is None else Backgrounds.from_json(stored.content)
    fresh = Backgrounds.from_pairs(sim_image, sim_text)
    if stored is not None:
        fresh = Backgrounds.from_json(stored.content).merged(fresh, _FRESH_WEIGHT)
    record_background(session, space.id, kind, fresh.to_json(), media_count)
    return fresh


def _unrelated_pairs(
    clusters: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of ordered pairs of different clusters: all of them where they are few, else drawn at random."""
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
    for place, vector in enumerate(vectors):
        if vector is not None:
            rows[place] = vector
    return _Side(rows, present)


def _cosines(asking: _Side, asked: _Side, first: NDArray[np.int64], second: NDArray[np.int64]) -> Vector:
    both = asking.present[first] & asked.present[second]
    cosines = np.full(len(first), np.nan)
    cosines[both] = np.einsum("ij,ij->i", asking.rows[first[both]], asked.rows[second[both]])
    return cosines
