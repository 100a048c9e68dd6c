"""Calls of the public SQL functions, which `backend/store/functions` defines."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

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


class SqlFilters(TypedDict, total=False):
    """Filters as the SQL functions take them: like `backend.rules.search.Filters`, but with dates as they are written."""

    keywords_any: Sequence[str]
    keywords_all: Sequence[str]
    taken_from: str
    taken_until: str
    location: str
    mime: Sequence[str]
    source: Sequence[str]
    cluster_ids: Sequence[int]


def similar_media(
    session: Session, media_id: uuid.UUID, k: int, alpha: float, **filters: Unpack[SqlFilters]
) -> list[MediaMatch]:
    """Call the public SQL function of the same name."""
    named, values = _named(filters)
    rows = session.execute(
        text(f"SELECT media_id, sim_image, sim_text, combined FROM similar_media(:media_id, :k, :alpha{named})"),  # noqa: S608 - names of ours
        {"media_id": media_id, "k": k, "alpha": as_weight(alpha), **values},
    )
    return [MediaMatch(**row._asdict()) for row in rows]


def search_media(
    session: Session,
    image_query: NDArray[np.float32] | None,
    text_query: NDArray[np.float32] | None,
    k: int,
    alpha: float,
    **filters: Unpack[SqlFilters],
) -> list[MediaMatch]:
    """Call the public SQL function of the same name, with query vectors (d_image,) and (d_text,)."""
    named, values = _named(filters)
    query = {
        "image": None if image_query is None else Vector(image_query),
        "text": None if text_query is None else Vector(text_query),
    }
    call = f"search_media(CAST(:image AS vector), CAST(:text AS vector), :k, :alpha{named})"
    rows = session.execute(
        text(f"SELECT media_id, sim_image, sim_text, combined FROM {call}"),  # noqa: S608 - names of ours
        {**query, "k": k, "alpha": as_weight(alpha), **values},
    )
    return [MediaMatch(**row._asdict()) for row in rows]


def _named(filters: SqlFilters) -> tuple[str, Mapping[str, Any]]:
    """Filters as further arguments of a call, and their values. Lists are sent as such, since an empty one tells no type."""
    types = {"cluster_ids": "bigint[]"} | dict.fromkeys(("taken_from", "taken_until", "location"), "text")
    named = "".join(f", {name} => CAST(:{name} AS {types.get(name, 'text[]')})" for name in filters)
    values: dict[str, Any] = {**filters}
    return named, {name: value if isinstance(value, str) else list(value) for name, value in values.items()}
