"""Queries of an evaluation: every vector of a space, and where its media came from."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.arrays import fetch_arrays
from backend.store.schema import Space
from backend.store.statements import Statements

_SQL = Statements(__file__)

_BLOCK = 1_024

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sides:
    """images (n, d), texts (n, e) and captions (n, d), with rows of NaN where a side is missing."""

    images: Matrix
    texts: Matrix
    captions: Matrix


def load_sides(session: Session, space: Space, media_ids: Sequence[uuid.UUID]) -> Sides:
    """The vectors of media, in their order, read in blocks."""
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
            place = start + row.place
            images[place] = row.image_embedding
            if row.text_embedding is not None:
                texts[place] = row.text_embedding
            if row.caption_embedding is not None:
                captions[place] = row.caption_embedding
    return Sides(images, texts, captions)


def list_sources(session: Session, space_id: int) -> list[tuple[uuid.UUID, str]]:
    """Where each media of a space came from: paths, names of files and URLs; several where its bytes came again."""
    rows = session.execute(text(_SQL("list_sources")), {"space": space_id})
    return [(row.media_id, row.source_uri) for row in rows]


def list_labels(session: Session, cluster_ids: Sequence[int]) -> dict[int, str]:
    """What groups are called."""
    rows = session.execute(text("SELECT id, label FROM cluster WHERE id = ANY(:ids)"), {"ids": list(cluster_ids)})
    return {row.id: row.label for row in rows}


def list_titles(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, bytes | None]]:
    """What media are called, and the checksum that their thumbnails are named by."""
    rows = session.execute(
        text("SELECT id, coalesce(nullif(title, ''), caption) AS name, sha256 FROM media WHERE id = ANY(:ids)"),
        {"ids": list(media_ids)},
    )
    return {row.id: (row.name, row.sha256) for row in rows}
