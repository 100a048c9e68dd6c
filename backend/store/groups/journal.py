"""Queries on the journal of edits."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.rules.editing import Snapshot, snapshot_from_json, snapshot_to_json
from backend.store.schema import ClusterEvent

UNDO, REDO, DELETE, MODEL, REFRESH = "undo", "redo", "delete", "model", "refresh"


@dataclass(frozen=True)
class HistoryEvent:
    """An entry of the journal, without the changed rows.

    Attributes:
        id: its id.
        kind: kind of change.
        actor: who made it.
        created_at: when.
        summary: what was changed, in words.
        target_event_id: for an undo or redo, the event that it acted on.
        undone_by: the event that undid this one, None if it is in force.
        cluster_ids: changed clusters.
        media_count: number of changed memberships.
    """

    id: int
    kind: str
    actor: str
    created_at: datetime
    summary: str
    target_event_id: int | None
    undone_by: int | None
    cluster_ids: list[int]
    media_count: int

    @property
    def undone(self) -> bool:
        """Whether the change has been undone."""
        return self.undone_by is not None

    @property
    def undoable(self) -> bool:
        return self.kind not in {DELETE, MODEL, REFRESH} and not self.undone

    @property
    def redoable(self) -> bool:
        return self.undone and self.kind not in {UNDO, REDO}


@dataclass(frozen=True)
class EventContent:
    """The rows that an event changed, before and after."""

    before: Snapshot
    after: Snapshot


def list_events(
    session: Session, *, before_id: int | None, cluster_id: int | None, media_id: uuid.UUID | None, limit: int
) -> list[HistoryEvent]:
    """A page of events, newest first."""
    query = _entries().order_by(ClusterEvent.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(ClusterEvent.id < before_id)
    if cluster_id is not None:
        query = query.where(ClusterEvent.cluster_ids.bool_op("@>")([cluster_id]))
    if media_id is not None:
        query = query.where(ClusterEvent.media_ids.bool_op("@>")([media_id]))
    return [HistoryEvent(**row._asdict()) for row in session.execute(query)]


def get_event(session: Session, event_id: int) -> HistoryEvent:
    """An event. Raises NotFound."""
    row = session.execute(_entries().where(ClusterEvent.id == event_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no event {event_id}.", hint="`mediacluster history` lists them.")
    return HistoryEvent(**row._asdict())


def find_event_in_force(session: Session, target_event_id: int, kind: str) -> int | None:
    """The undo or redo of an event that has not been reversed itself."""
    return session.scalar(
        sa.select(ClusterEvent.id).where(
            ClusterEvent.target_event_id == target_event_id,
            ClusterEvent.kind == kind,
            ClusterEvent.undone_by.is_(None),
        )
    )


def get_event_content(session: Session, event_id: int) -> EventContent:
    """The changed rows of an event. Raises NotFound."""
    row = session.execute(
        sa.select(ClusterEvent.media_ids, ClusterEvent.before, ClusterEvent.after).where(ClusterEvent.id == event_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no event {event_id}.")
    return EventContent(snapshot_from_json(row.before, row.media_ids), snapshot_from_json(row.after, row.media_ids))


def insert_event(session: Session, kind: str, actor: str, summary: str, target_event_id: int | None) -> int:
    """Insert an entry and return its id. `record_event_content` completes it."""
    event = ClusterEvent(kind=kind, actor=actor, summary=summary, target_event_id=target_event_id, before={}, after={})
    session.add(event)
    session.flush()
    return event.id


def record_event_content(session: Session, event_id: int, content: EventContent, cluster_ids: Sequence[int]) -> None:
    """Complete an entry with the changed rows."""
    media_ids = list(content.after.memberships)
    session.execute(
        sa.update(ClusterEvent)
        .where(ClusterEvent.id == event_id)
        .values(
            cluster_ids=list(cluster_ids),
            media_ids=media_ids,
            before=snapshot_to_json(content.before, media_ids),
            after=snapshot_to_json(content.after, media_ids),
        )
        .execution_options(synchronize_session=False)
    )


def record_undone(session: Session, event_id: int, undone_by: int | None) -> None:
    """Mark an event as undone, or as in force again (None)."""
    session.execute(
        sa.update(ClusterEvent)
        .where(ClusterEvent.id == event_id)
        .values(undone_by=undone_by)
        .execution_options(synchronize_session=False)
    )


def _entries() -> sa.Select[int, str, str, datetime, str, int | None, int | None, list[int], int]:
    return sa.select(
        ClusterEvent.id,
        ClusterEvent.kind,
        ClusterEvent.actor,
        ClusterEvent.created_at,
        ClusterEvent.summary,
        ClusterEvent.target_event_id,
        ClusterEvent.undone_by,
        ClusterEvent.cluster_ids,
        sa.func.cardinality(ClusterEvent.media_ids).label("media_count"),
    )
