"""The invariants of the library, each a statement in `sql/audit/` that returns the rows that break it."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.db.arrays import fetch_arrays
from backend.db.statements import statement

_FOLDER = Path(__file__).parent / "sql" / "audit"
INVARIANTS = tuple(sorted(path.stem for path in _FOLDER.glob("*.sql")))


@dataclass(frozen=True)
class RecordedDecision:
    """A membership as it was decided, in the order of decisions."""

    media_id: uuid.UUID
    cluster_id: int
    threshold: float
    image_embedding: NDArray[np.float32]


def list_breaches(session: Session, invariant: str, limit: int) -> list[dict[str, Any]]:
    """The first rows that break an invariant; empty where it holds."""
    rows = session.execute(text(f"{statement(f'audit/{invariant}')} LIMIT :limit"), {"limit": limit})
    return [dict(row) for row in rows.mappings()]


def count_curated_memberships(session: Session) -> int:
    """Memberships that a curator decided, which no replay can find again."""
    return int(session.execute(text("SELECT count(*) FROM membership WHERE origin = 'curator'")).scalar_one())


def list_decisions(session: Session, *, after_seq: int, limit: int) -> tuple[list[RecordedDecision], int]:
    """Decisions in the active space in their order, and the assign_seq of the last one."""
    rows = fetch_arrays(
        session,
        "SELECT assign_seq, media_id, cluster_id, threshold, image_embedding "
        "FROM membership JOIN media_embedding USING (media_id) WHERE assign_seq > %(after)s "
        "ORDER BY assign_seq LIMIT %(limit)s",
        {"after": after_seq, "limit": limit},
    )
    return [RecordedDecision(*row[1:]) for row in rows], rows[-1][0] if rows else after_seq
