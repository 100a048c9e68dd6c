"""Queries on background similarities: stored ones, and pictures to sample them from."""

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.store.arrays import fetch_arrays
from backend.store.schema import BackgroundRow
from backend.store.statements import Statements

_SQL = Statements(__file__)
_BACKGROUND_LOCK = 0x6D63_0006
# Smaller tables are read whole, because TABLESAMPLE would leave too few rows.
_SMALL_LIBRARY = 20_000


@dataclass(frozen=True)
class SampledMedia:
    """The vectors of a picture, None if one is missing, and its group."""

    media_id: uuid.UUID
    cluster_id: int
    image: NDArray[np.float32]
    text: NDArray[np.float32] | None
    caption: NDArray[np.float32] | None


def find_background(session: Session, space_id: int, kind: str) -> BackgroundRow | None:
    return session.get(BackgroundRow, (space_id, kind), populate_existing=True)


def lock_background(session: Session, space_id: int, *, wait: bool) -> bool:
    """Take the lock for sampling a space, until the transaction ends. Without `wait`, returns False if another session holds it."""
    if wait:
        session.execute(
            text("SELECT pg_advisory_xact_lock(:key, :space)"), {"key": _BACKGROUND_LOCK, "space": space_id}
        )
        return True
    return bool(
        session.execute(
            text("SELECT pg_try_advisory_xact_lock(:key, :space)"), {"key": _BACKGROUND_LOCK, "space": space_id}
        ).scalar_one()
    )


def record_background(session: Session, space_id: int, kind: str, content: dict[str, Any], media_count: int) -> None:
    """Store a background, replacing the previous one."""
    statement = insert(BackgroundRow).values(space_id=space_id, kind=kind, content=content, media_count=media_count)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["space_id", "kind"],
            set_={"content": content, "media_count": media_count, "sampled_at": func.now()},
        )
    )


def sample_media(session: Session, space_id: int, media_count: int, limit: int) -> list[SampledMedia]:
    """Up to `limit` random grouped pictures of a space."""
    share = (
        "" if media_count <= _SMALL_LIBRARY else f"TABLESAMPLE BERNOULLI ({min(200 * limit / media_count, 100):.4f})"
    )
    rows = fetch_arrays(
        session,
        _SQL("sample_media").replace("{share}", share),
        {"space": space_id, "limit": limit},
    )
    return [SampledMedia(**row._asdict()) for row in rows]
