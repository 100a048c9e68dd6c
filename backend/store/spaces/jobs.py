"""Queries on background tasks of the model page. Only one runs at a time."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import Conflict, MediaclusterError
from backend.store.leases import SPACE_WORK_SECONDS, from_now
from backend.store.schema import SpaceWork

_WORK_LOCK = 0x6D63_0030


@dataclass(frozen=True)
class WorkStanding:
    """The task requested last. `is_running` means that it has not ended and its process reported within SPACE_WORK_SECONDS."""

    row: SpaceWork
    is_running: bool

    @property
    def is_broken_off(self) -> bool:
        """Whether its process died without recording a result."""
        return self.row.ended_at is None and not self.is_running


def find_last_work(session: Session) -> WorkStanding | None:
    """The last task, None if there never was one."""
    living = SpaceWork.seen_at > from_now(-SPACE_WORK_SECONDS)
    found = session.execute(
        sa.select(SpaceWork, sa.and_(SpaceWork.ended_at.is_(None), living)).order_by(SpaceWork.id.desc()).limit(1)
    ).one_or_none()
    return None if found is None else WorkStanding(found[0], bool(found[1]))


def insert_work(
    session: Session, kind: str, subject: str, arguments: dict[str, Any], *, actor: str, address: str
) -> SpaceWork:
    """Record a task.

    Raises:
        Conflict: another task is running.
    """
    session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WORK_LOCK})
    last = find_last_work(session)
    if last is not None and last.is_running:
        raise Conflict(
            f"Another task is running: {last.row.kind} {last.row.subject}.".replace(" .", "."),
            hint="Wait until it is done. The page shows its progress.",
        )
    work = SpaceWork(kind=kind, subject=subject, arguments=arguments, actor=actor, address=address)
    session.add(work)
    session.flush()
    return work


def find_work(session: Session, work_id: int) -> SpaceWork | None:
    """The task with this id, None if there is none."""
    return session.get(SpaceWork, work_id)


def record_alive(session: Session, work_id: int, stage: str, done: int, total: int) -> None:
    """Record a sign of life and the progress of a task."""
    session.execute(
        sa.update(SpaceWork)
        .where(SpaceWork.id == work_id, SpaceWork.ended_at.is_(None))
        .values(seen_at=sa.func.now(), stage=stage, done=done, total=total)
    )


def record_outcome(session: Session, work_id: int, outcome: str) -> None:
    """Record that the task succeeded. `outcome` describes the result."""
    _end(session, work_id, outcome=outcome)


def record_failure(session: Session, work_id: int, error: MediaclusterError) -> None:
    """Record that the task failed."""
    _end(session, work_id, error_code=error.code, error_detail=error.detail, error_hint=error.hint)


def _end(session: Session, work_id: int, **values: Any) -> None:
    session.execute(
        sa.update(SpaceWork)
        .where(SpaceWork.id == work_id, SpaceWork.ended_at.is_(None))
        .values(ended_at=sa.func.now(), **values)
    )
