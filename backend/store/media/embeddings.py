"""Queries on embeddings. The table is insert-only, because an update would rewrite all HNSW entries of the row."""

import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy.orm import Session

from backend.store.arrays import execute_many, fetch_arrays


@dataclass(frozen=True)
class NewEmbedding:
    """Unit vectors of a picture: image (d_image,), text (d_text,) or None, caption (d_image,) or None."""

    media_id: uuid.UUID
    image: NDArray[np.float32]
    text: NDArray[np.float32] | None
    caption: NDArray[np.float32] | None


def insert_embeddings(session: Session, space_id: int, embeddings: list[NewEmbedding]) -> None:
    """Insert embeddings. Existing rows are kept, so that the step can be repeated."""
    execute_many(
        session,
        "INSERT INTO embedding (space_id, media_id, image_embedding, text_embedding, caption_embedding) "
        "VALUES (:space, :media, :image, :text, :caption) ON CONFLICT DO NOTHING",
        [
            {
                "space": space_id,
                "media": new.media_id,
                "image": Vector(new.image),
                "text": _vector(new.text),
                "caption": _vector(new.caption),
            }
            for new in embeddings
        ],
    )


def replace_wording(
    session: Session,
    space_id: int,
    media_id: uuid.UUID,
    text_vector: NDArray[np.float32] | None,
    caption: NDArray[np.float32] | None,
) -> bool:
    """Replace a row by one with other text (d_text,) and caption (d_image,) vectors. Returns False if the space has no vectors of the
    picture."""
    rows = fetch_arrays(
        session,
        "DELETE FROM embedding WHERE space_id = :space AND media_id = :media RETURNING image_embedding",
        {"space": space_id, "media": media_id},
    )
    insert_embeddings(
        session, space_id, [NewEmbedding(media_id, row.image_embedding, text_vector, caption) for row in rows]
    )
    return bool(rows)


def replace_image(session: Session, space_id: int, media_id: uuid.UUID, image: NDArray[np.float32]) -> bool:
    """Replace the image vector of a picture by another (d_image,). False if the space has no vectors of it."""
    rows = fetch_arrays(
        session,
        "DELETE FROM embedding WHERE space_id = :space AND media_id = :media "
        "RETURNING text_embedding, caption_embedding",
        {"space": space_id, "media": media_id},
    )
    insert_embeddings(
        session, space_id, [NewEmbedding(media_id, image, row.text_embedding, row.caption_embedding) for row in rows]
    )
    return bool(rows)


def fetch_image_embeddings(session: Session, space_id: int) -> tuple[list[uuid.UUID], NDArray[np.float32]]:
    """All image embeddings of a space: ids and rows (n, d). For audits and evaluations, not for serving."""
    rows = fetch_arrays(
        session, "SELECT media_id, image_embedding FROM embedding WHERE space_id = :space", {"space": space_id}
    )
    ids = [row.media_id for row in rows]
    return ids, np.stack([row.image_embedding for row in rows]) if rows else np.empty((0, 0), dtype=np.float32)


def _vector(values: NDArray[np.float32] | None) -> Vector | None:
    return None if values is None else Vector(values)
