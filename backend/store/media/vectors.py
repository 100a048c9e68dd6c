"""The stored vectors of some pictures, as numpy arrays."""

import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.store.arrays import fetch_arrays

Vector = NDArray[np.float32]


def list_vectors(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[Vector, Vector | None]]:
    """Image (d_image,) and text (d_text,) vectors in the active space; pictures without any are left out."""
    rows = fetch_arrays(
        session,
        # Cast to vectors without dimensions: a prepared statement must not change its types when another space is activated.
        "SELECT media_id, image_embedding::vector AS image, text_embedding::vector AS words FROM media_embedding WHERE media_id = ANY(:ids)",
        {"ids": list(media_ids)},
    )
    return {row.media_id: (row.image, row.words) for row in rows}


def list_caption_vectors(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Vector | None]:
    """Caption (d_image,) vectors in the active space, None where a picture has no caption."""
    rows = fetch_arrays(
        session,
        # Without dimensions, as above.
        "SELECT media_id, caption_embedding::vector AS caption FROM media_embedding WHERE media_id = ANY(:ids)",
        {"ids": list(media_ids)},
    )
    return {row.media_id: row.caption for row in rows}


def list_image_vectors(session: Session, space_id: int, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Vector]:
    """Image (d_image,) vectors in a space; pictures without one are left out."""
    rows = fetch_arrays(
        session,
        "SELECT media_id, image_embedding FROM embedding WHERE space_id = :space AND media_id = ANY(:ids)",
        {"space": space_id, "ids": list(media_ids)},
    )
    return {row.media_id: row.image_embedding for row in rows}
