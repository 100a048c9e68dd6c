"""Queries on heartbeats of workers. Workers write them, so that the broker need not be asked."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.statements import Statements

_SQL = Statements(__file__)

BEAT_SECONDS = 5.0
"""Interval of a worker's heartbeats."""

_SILENT_BEATS = 6


@dataclass(frozen=True)
class WorkerState:
    """The last heartbeat of a worker process. `is_alive` says whether it is recent."""

    worker: str
    tasks: list[str]
    busy_since: datetime | None
    tasks_done: int
    started_at: datetime
    seen_at: datetime
    is_alive: bool


def record_heartbeat(
    session: Session, worker: str, tasks: list[str], *, busy_seconds: float | None, tasks_done: int, up_seconds: float
) -> None:
    """Record a heartbeat. `busy_seconds` is how long its longest task has been running."""
    session.execute(
        sa.text(_SQL("record_heartbeat")),
        {
            "worker": worker,
            "tasks": tasks,
            "busy_seconds": busy_seconds,
            "tasks_done": tasks_done,
            "up_seconds": up_seconds,
        },
    )


def forget_worker(session: Session, worker: str) -> None:
    session.execute(sa.text("DELETE FROM worker_heartbeat WHERE worker = :worker"), {"worker": worker})


def list_workers(session: Session) -> list[WorkerState]:
    """All workers, live ones first."""
    rows = session.execute(sa.text(_SQL("list_workers")), {"silent_seconds": _SILENT_BEATS * BEAT_SECONDS})
    return [WorkerState(**row._asdict()) for row in rows]
