"""Queries on the state of the library, for metrics."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.evaluation import find_last_recall_audit
from backend.store.groups import count_clusters
from backend.store.media import WaitingWork, count_failures_by_code, count_media_by_status, count_waiting
from backend.store.schema import RecallAudit
from backend.store.spaces import count_failed_by_space, count_waiting_by_space, find_active_space
from backend.store.statements import Statements
from backend.store.telemetry.histograms import Histogram, Measure, fetch_histograms

_SQL = Statements(__file__)


@dataclass(frozen=True)
class LibraryFigures:
    """State of the library.

    Attributes:
        media: number of pictures by status, including 0.
        waiting: number of waiting pictures.
        waiting_seconds: how long the oldest picture waits, by step.
        oldest_pending_seconds: age of the oldest upload that is not ready, 0 if there is none.
        failures: number of failed pictures by error code.
        lock_waiters: number of connections that wait for an advisory lock.
        histograms: histograms of durations and batch sizes.
        clusters: number of groups.
        space_waiting: number of pictures waiting to be embedded, by filled space.
        space_failures: number of pictures that could not be embedded, by filled space.
        background_ages_seconds: age of the backgrounds by kind of query.
        audit: last recall audit of the active space.
    """

    media: dict[str, int]
    waiting: WaitingWork
    waiting_seconds: dict[str, float]
    oldest_pending_seconds: float
    failures: dict[str, int]
    lock_waiters: int
    histograms: dict[Measure, Histogram]
    clusters: int
    space_waiting: dict[str, int]
    space_failures: dict[str, int]
    background_ages_seconds: dict[str, float]
    audit: RecallAudit | None


def fetch_library_figures(session: Session) -> LibraryFigures:
    """Read all values."""
    space = find_active_space(session)
    return LibraryFigures(
        media={status.value: count for status, count in count_media_by_status(session).items()},
        waiting=count_waiting(session),
        waiting_seconds=_ages_by_step(session),
        oldest_pending_seconds=_age_of_oldest(session),
        failures=count_failures_by_code(session),
        lock_waiters=_count_lock_waiters(session),
        histograms=fetch_histograms(session),
        clusters=count_clusters(session),
        space_waiting=count_waiting_by_space(session),
        space_failures=count_failed_by_space(session),
        background_ages_seconds={} if space is None else _background_ages(session, space.id),
        audit=None if space is None else find_last_recall_audit(session, space.id),
    )


def _ages_by_step(session: Session) -> dict[str, float]:
    """How long the oldest picture of each step has waited, whether or not it is leased. 0 if there is none."""
    rows = session.execute(text(_SQL("list_ages")))
    return {row.step: max(0.0, float(row.age or 0.0)) for row in rows}


def _count_lock_waiters(session: Session) -> int:
    """Number of connections to this database that wait for an advisory lock of the assigner or the upload order."""
    query = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return int(session.execute(text(query)).scalar_one())


def _age_of_oldest(session: Session) -> float:
    age = session.execute(
        text(
            "SELECT extract(epoch FROM now() - min(created_at)) FROM media "
            "WHERE status IN ('fetching', 'pending', 'embedded')"
        )
    ).scalar_one()
    return max(0.0, float(age or 0.0))


def _background_ages(session: Session, space_id: int) -> dict[str, float]:
    rows = session.execute(
        text("SELECT kind, extract(epoch FROM now() - sampled_at) AS age FROM background WHERE space_id = :space"),
        {"space": space_id},
    )
    return {row.kind: max(0.0, float(row.age)) for row in rows}
