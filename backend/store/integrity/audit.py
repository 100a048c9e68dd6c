"""Queries of the audit: stored decisions and sums, to be recomputed."""

import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.arrays import fetch_arrays
from backend.store.schema import SpaceState
from backend.store.statements import Statements

_SQL = Statements(__file__)


@dataclass(frozen=True)
class RecordedDecision:
    """A membership as it was decided, in the order of decisions.

    Attributes:
        media_id: the picture.
        cluster_id: its cluster.
        assign_seq: position in the order of decisions.
        space_id: space of the decision, which may be inactive now.
        threshold: threshold of the decision.
        image_embedding: its vector in the requested space.
    """

    media_id: uuid.UUID
    cluster_id: int
    assign_seq: int
    space_id: int
    threshold: float
    image_embedding: NDArray[np.float32]


def count_deciding_events(session: Session) -> int:
    """Number of events in the journal that influenced later decisions, which a replay cannot reproduce."""
    query = "SELECT count(*) FROM cluster_event WHERE cardinality(media_ids) > 0 OR kind IN ('lock', 'unlock')"
    return int(session.execute(text(query)).scalar_one())


def list_sums(session: Session, *, after_cluster: int, limit: int) -> list[tuple[int, NDArray[np.float64]]]:
    """A page of sums of the active space's centroids, by cluster id."""
    rows = fetch_arrays(session, _SQL("list_sums"), {"after": after_cluster, "limit": limit})
    return [(row.cluster_id, row.embedding_sum) for row in rows]


def list_decisions(session: Session, space_id: int, *, after_seq: int, limit: int) -> list[RecordedDecision]:
    """A page of decisions in order, with the vectors of a space. Omits pictures without one."""
    parameters = {"space": space_id, "after": after_seq, "limit": limit}
    return [RecordedDecision(**row._asdict()) for row in fetch_arrays(session, _SQL("list_decisions"), parameters)]


def list_eras(session: Session) -> list[tuple[int, int, int]]:
    """Periods in which all decisions were made in one space: its id, the assign_seq of the last decision before the period, and that of
    its last decision."""
    return [(row.space, row.after_seq, row.last_seq) for row in session.execute(text(_SQL("list_eras")))]


def is_dropped(session: Session, space_id: int) -> bool:
    """Whether the vectors of a space are gone."""
    query = text("SELECT state FROM space WHERE id = :id")
    return bool(session.execute(query, {"id": space_id}).scalar_one() == SpaceState.DROPPED)
