"""Invariants of the library. Each statement returns the rows that violate one."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.statements import Statements

_SQL = Statements(__file__)
INVARIANTS = (
    "centroid_off_the_mean",
    "curated_without_event",
    "empty_cluster",
    "joined_below_threshold",
    "joined_locked_cluster",
    "membership_of_unready_media",
    "ready_without_embedding",
    "ready_without_membership",
    "representative_not_a_member",
    "wrong_member_count",
)


def list_breaches(session: Session, invariant: str, limit: int) -> list[dict[str, Any]]:
    """The first rows that violate an invariant, empty if it holds."""
    rows = session.execute(text(f"{_SQL(invariant)} LIMIT :limit"), {"limit": limit})
    return [dict(row) for row in rows.mappings()]
