"""Queries on the workers that live: each says so itself, so nobody has to ask the broker."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

BEAT_SECONDS = 5.0
"""How often a worker process says that it lives."""

_SILENT_BEATS = 6


@dataclass(frozen=True)
class WorkerState:
    """What a worker process said last. is_alive: not long ago."""

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
    """busy_seconds: how long the task that runs longest has been running."""
    session.execute(
        sa.text(
            "INSERT INTO worker_heartbeat (worker, tasks, busy_since, tasks_done, started_at) "
            "VALUES (:worker, CAST(:tasks AS text[]), now() - make_interval(secs => CAST(:busy AS float8)), :done, "
            "now() - make_interval(secs => :up)) "
            "ON CONFLICT (worker) DO UPDATE SET tasks = excluded.tasks, busy_since = excluded.busy_since, "
            "tasks_done = excluded.tasks_done, seen_at = now()"
        ),
        {"worker": worker, "tasks": tasks, "busy": busy_seconds, "done": tasks_done, "up": up_seconds},
    )


def forget_worker(session: Session, worker: str) -> None:
    session.execute(sa.text("DELETE FROM worker_heartbeat WHERE worker = :worker"), {"worker": worker})


def list_workers(session: Session) -> list[WorkerState]:
    """Those that live first."""
    rows = session.execute(
        sa.text(
            "SELECT worker, tasks, busy_since, tasks_done, started_at, seen_at, "
            "seen_at > now() - make_interval(secs => :silent) AS is_alive "
            "FROM worker_heartbeat ORDER BY is_alive DESC, worker LIMIT 200"
        ),
        {"silent": _SILENT_BEATS * BEAT_SECONDS},
    )
    return [WorkerState(**row._asdict()) for row in rows]
