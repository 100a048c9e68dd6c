"""Queries on how the library stands, for the metrics."""

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
    """media: by status, 0 where there are none; waiting_seconds: age of the oldest by step; oldest_pending_seconds: since the oldest media that is to be fetched,
    embedded or assigned came in, 0 where none is; background_ages_seconds: by kind of query; audit: the last of the active
    space; space_waiting, space_failures: media still to be embedded into a space that is kept up, and those that could not be."""

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
    """All figures, each counted now."""
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
    """Seconds that the oldest media of each step has waited there, whoever holds it; 0 where none does."""
    rows = session.execute(text(_SQL("list_ages")))
    return {row.step: max(0.0, float(row.age or 0.0)) for row in rows}


def _count_lock_waiters(session: Session) -> int:
    """Connections to this database that wait for an advisory lock: of the assigner, or of the upload order."""
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
