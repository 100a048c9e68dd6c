"""Calls of the public SQL functions, which `backend/store/functions` defines."""

import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.arrays import as_weight


@dataclass(frozen=True)
class MediaMatch:
    """A hit of a fused query. A cosine is None if either side is missing."""

    media_id: uuid.UUID
    sim_image: float | None
    sim_text: float | None
    combined: float


def similar_media(session: Session, media_id: uuid.UUID, k: int, alpha: float) -> list[MediaMatch]:
    """Call the public SQL function of the same name."""
    rows = session.execute(
        text("SELECT media_id, sim_image, sim_text, combined FROM similar_media(:media_id, :k, :alpha)"),
        {"media_id": media_id, "k": k, "alpha": as_weight(alpha)},
    )
    return [MediaMatch(**row._asdict()) for row in rows]


def search_media(
    session: Session,
    image_query: NDArray[np.float32] | None,
    text_query: NDArray[np.float32] | None,
    k: int,
    alpha: float,
) -> list[MediaMatch]:
    """Call the public SQL function of the same name, with query vectors (d_image,) and (d_text,)."""
    rows = session.execute(
        text(
            "SELECT media_id, sim_image, sim_text, combined "
            "FROM search_media(CAST(:image AS vector), CAST(:text AS vector), :k, :alpha)"
        ),
        {
            "image": None if image_query is None else Vector(image_query),
            "text": None if text_query is None else Vector(text_query),
            "k": k,
            "alpha": as_weight(alpha),
        },
    )
    return [MediaMatch(**row._asdict()) for row in rows]
