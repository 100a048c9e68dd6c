"""The invariants of the library, each a statement in `sql/audit/` that returns the rows that break it."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.arrays import fetch_arrays
from backend.store.statements import statement

_FOLDER = Path(__file__).parents[1] / "sql" / "audit"
INVARIANTS = tuple(sorted(path.stem for path in _FOLDER.glob("*.sql")))


@dataclass(frozen=True)
class RecordedDecision:
    """A membership as it was decided, in the order of decisions. space_id, threshold: of the decision, which may have been
    made in another space than the active one; image_embedding: in the space that was asked for."""

    media_id: uuid.UUID
    cluster_id: int
    assign_seq: int
    space_id: int
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


def list_decisions(session: Session, space_id: int, *, after_seq: int, limit: int) -> list[RecordedDecision]:
    """Decisions in their order with the vectors of a space, but for media that it has none of."""
    rows = fetch_arrays(
        session,
        "SELECT media_id, cluster_id, assign_seq, coalesce(decided_space_id, membership.space_id) AS space_id, "
        "coalesce(decided_threshold, threshold) AS threshold, image_embedding "
        "FROM membership JOIN embedding USING (media_id) WHERE embedding.space_id = %(space)s AND assign_seq > %(after)s "
        "ORDER BY assign_seq LIMIT %(limit)s",
        {"space": space_id, "after": after_seq, "limit": limit},
    )
    return [RecordedDecision(*row) for row in rows]


def list_eras(session: Session) -> list[tuple[int, int, int]]:
    """Stretches of decisions that were made in one space: its id, the assign_seq of the last decision before, and that of
    the last one in it."""
    rows = session.execute(
        text(
            "WITH decided AS (SELECT assign_seq, coalesce(decided_space_id, space_id) AS space, "
            "lag(coalesce(decided_space_id, space_id)) OVER (ORDER BY assign_seq) AS before, "
            "lag(assign_seq) OVER (ORDER BY assign_seq) AS before_seq FROM membership), "
            "begun AS (SELECT space, coalesce(before_seq, 0) AS after_seq FROM decided WHERE space IS DISTINCT FROM before) "
            "SELECT space, after_seq, coalesce(lead(after_seq) OVER (ORDER BY after_seq), "
            "(SELECT max(assign_seq) FROM membership)) FROM begun ORDER BY after_seq"
        )
    )
    return [(row[0], row[1], row[2]) for row in rows]


def is_dropped(session: Session, space_id: int) -> bool:
    """Whether the vectors of a space are gone."""
    query = text("SELECT state = 'dropped' FROM space WHERE id = :id")
    return bool(session.execute(query, {"id": space_id}).scalar_one())
