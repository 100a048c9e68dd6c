"""Candidates by brute force: exact at any alpha and under any filter, at the cost of reading every embedding."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector as PgVector
from sqlalchemy.orm import Session

from backend.db.arrays import fetch_arrays
from backend.search.filters import Filters
from backend.search.legs import Vector
from backend.search.narrowing import narrowing


class Effort(StrEnum):
    FAST = "fast"
    BALANCED = "balanced"
    CERTIFIED = "certified"


class Leg(StrEnum):
    IMAGE = "image"
    TEXT = "text"
    FUSED = "fused"


@dataclass(frozen=True, eq=False)
class Candidates:
    """media_ids: best first by the raw sum; sim_image, sim_text: (n,) NaN where missing."""

    media_ids: list[uuid.UUID]
    sim_image: Vector
    sim_text: Vector
    nominated_by: list[frozenset[Leg]]
    certified: bool


def nominate(
    session: Session,
    image_query: NDArray[np.floating] | None,
    text_query: NDArray[np.floating] | None,
    *,
    k: int,
    alpha: float,
    filters: Filters,
    exclude: Sequence[uuid.UUID] = (),
    mode: Effort,  # noqa: ARG001
) -> Candidates:
    where, parameters = narrowing(filters, exclude)
    rows: list[tuple[Any, ...]] = fetch_arrays(
        session,
        "SELECT media_id, 1 - (image_embedding <=> %(image)s::vector), 1 - (text_embedding <=> %(text)s::vector) "
        f"FROM media_embedding JOIN media ON media.id = media_id WHERE {where} "
        "ORDER BY %(alpha)s * coalesce(1 - (image_embedding <=> %(image)s::vector), 0) "
        "+ (1 - %(alpha)s) * coalesce(1 - (text_embedding <=> %(text)s::vector), 0) DESC, 2 DESC NULLS LAST, media_id LIMIT %(k)s",
        parameters | {"image": _vector(image_query), "text": _vector(text_query), "alpha": alpha, "k": k},
    )
    sims = np.array([[np.nan if value is None else value for value in row[1:]] for row in rows], dtype=np.float64)
    sims = sims.reshape(len(rows), 2)
    return Candidates(
        [row[0] for row in rows], sims[:, 0], sims[:, 1], [frozenset({Leg.FUSED})] * len(rows), certified=True
    )


def _vector(query: NDArray[np.floating] | None) -> PgVector | None:
    return None if query is None else PgVector(np.asarray(query, dtype=np.float32))
