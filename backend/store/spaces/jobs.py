"""Queries on what admins have done to spaces in the background: one thing at a time, by whatever process."""

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
    """The work that was asked for last. is_running: it has not ended, and its process was heard of within SPACE_WORK_SECONDS."""

    row: SpaceWork
    is_running: bool

    @property
    def is_broken_off(self) -> bool:
        """Its process went without a word."""
        return self.row.ended_at is None and not self.is_running


def find_last_work(session: Session) -> WorkStanding | None:
    """None where nothing was ever asked for."""
    living = SpaceWork.seen_at > from_now(-SPACE_WORK_SECONDS)
    found = session.execute(
        sa.select(SpaceWork, sa.and_(SpaceWork.ended_at.is_(None), living)).order_by(SpaceWork.id.desc()).limit(1)
    ).one_or_none()
    return None if found is None else WorkStanding(found[0], bool(found[1]))


def insert_work(
    session: Session, kind: str, subject: str, arguments: dict[str, Any], *, actor: str, address: str
) -> SpaceWork:
    """Note what is to be done.

    Raises:
        Conflict: something else is being done.
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
    """None where there is none with this id."""
    return session.get(SpaceWork, work_id)


def record_alive(session: Session, work_id: int, stage: str, done: int, total: int) -> None:
    """Say that the process lives, and how far it is."""
    session.execute(
        sa.update(SpaceWork)
        .where(SpaceWork.id == work_id, SpaceWork.ended_at.is_(None))
        .values(seen_at=sa.func.now(), stage=stage, done=done, total=total)
    )


def record_outcome(session: Session, work_id: int, outcome: str) -> None:
    """It is done; `outcome` says what came of it."""
    _end(session, work_id, outcome=outcome)


def record_failure(session: Session, work_id: int, error: MediaclusterError) -> None:
    """It came to nothing, and why."""
    _end(session, work_id, error_code=error.code, error_detail=error.detail, error_hint=error.hint)


def _end(session: Session, work_id: int, **values: Any) -> None:
    session.execute(
        sa.update(SpaceWork)
        .where(SpaceWork.id == work_id, SpaceWork.ended_at.is_(None))
        .values(ended_at=sa.func.now(), **values)
    )
