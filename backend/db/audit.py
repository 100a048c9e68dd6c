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


def count_deciding_events(session: Session) -> int:
    """Events of the journal that changed what later decisions met, which no replay can find again."""
    query = "SELECT count(*) FROM cluster_event WHERE cardinality(media_ids) > 0 OR kind IN ('lock', 'unlock')"
    return int(session.execute(text(query)).scalar_one())


def list_sums(session: Session, *, after_cluster: int, limit: int) -> list[tuple[int, NDArray[np.float64]]]:
    """Sums of the centroids of the active space, by cluster id."""
    rows = fetch_arrays(
        session,
        "SELECT cluster_id, embedding_sum FROM centroid JOIN space ON space.id = space_id AND space.state = 'active' "
        "WHERE cluster_id > %(after)s ORDER BY cluster_id LIMIT %(limit)s",
        {"after": after_cluster, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def list_decisions(session: Session, *, after_seq: int, limit: int) -> tuple[list[RecordedDecision], int]:
    """Decisions in the active space in their order, and the assign_seq of the last one."""
    rows = fetch_arrays(
        session,
        "SELECT assign_seq, media_id, cluster_id, threshold, image_embedding::vector "
        "FROM membership JOIN media_embedding USING (media_id) WHERE assign_seq > %(after)s "
        "ORDER BY assign_seq LIMIT %(limit)s",
        {"after": after_seq, "limit": limit},
    )
    return [RecordedDecision(*row[1:]) for row in rows], rows[-1][0] if rows else after_seq
