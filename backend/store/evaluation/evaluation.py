"""Queries of an evaluation: all vectors of a space, and the sources of its pictures."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.store.arrays import fetch_arrays, is_among
from backend.store.schema import Media, Space
from backend.store.statements import Statements
from backend.store.titles import CALLED, title_of

_SQL = Statements(__file__)

_BLOCK = 1_024

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sides:
    """Vectors by row, NaN where one is missing: images (n, d), texts (n, e) and captions (n, d)."""

    images: Matrix
    texts: Matrix
    captions: Matrix


def load_sides(session: Session, space: Space, media_ids: Sequence[uuid.UUID]) -> Sides:
    """The vectors of pictures, in order, read in blocks."""
    count = len(media_ids)
    images, captions = (np.full((count, space.image_dimension), np.nan, dtype=np.float32) for _ in range(2))
    texts = np.full((count, space.text_dimension), np.nan, dtype=np.float32)
    for start in range(0, count, _BLOCK):
        rows = fetch_arrays(
            session,
            _SQL("load_sides"),
            {"space": space.id, "ids": list(media_ids[start : start + _BLOCK])},
        )
        for row in rows:
            index = start + row.place
            images[index] = row.image_embedding
            if row.text_embedding is not None:
                texts[index] = row.text_embedding
            if row.caption_embedding is not None:
                captions[index] = row.caption_embedding
    return Sides(images, texts, captions)


def list_sources(session: Session, space_id: int) -> list[tuple[uuid.UUID, str]]:
    """Sources of the pictures of a space: paths, file names and URLs. Several if the same file was sent again."""
    rows = session.execute(text(_SQL("list_sources")), {"space": space_id})
    return [(row.media_id, row.source_uri) for row in rows]


def list_labels(session: Session, cluster_ids: Sequence[int]) -> dict[int, str]:
    """Labels of groups by id."""
    rows = session.execute(text("SELECT id, label FROM cluster WHERE id = ANY(:ids)"), {"ids": list(cluster_ids)})
    return {row.id: row.label for row in rows}


def list_titles(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, bytes | None]]:
    """What pictures are called, and the checksums that their thumbnails are stored by."""
    rows = session.execute(select(Media.id, *CALLED, Media.sha256).where(is_among(Media.id, media_ids)))
    return {row.id: (title_of(row), row.sha256) for row in rows}
