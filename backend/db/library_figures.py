"""Queries on how the library stands, for the metrics."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.db.clusters import count_clusters
from backend.db.media import count_media_by_status
from backend.db.recall_audits import find_last_recall_audit
from backend.db.spaces import find_active_space
from backend.db.tables import RecallAudit
from backend.db.work import WaitingWork, count_waiting


@dataclass(frozen=True)
class LibraryFigures:
    """media: by status, 0 where there are none; oldest_pending_seconds: since the oldest media that is to be fetched,
    embedded or assigned came in, 0 where none is; background_ages_seconds: by kind of query; audit: the last of the active
    space."""

    media: dict[str, int]
    waiting: WaitingWork
    oldest_pending_seconds: float
    clusters: int
    background_ages_seconds: dict[str, float]
    audit: RecallAudit | None


def fetch_library_figures(session: Session) -> LibraryFigures:
    """All figures, each counted now."""
    space = find_active_space(session)
    return LibraryFigures(
        media={status.value: count for status, count in count_media_by_status(session).items()},
        waiting=count_waiting(session),
        oldest_pending_seconds=_age_of_oldest(session),
        clusters=count_clusters(session),
        background_ages_seconds={} if space is None else _background_ages(session, space.id),
        audit=None if space is None else find_last_recall_audit(session, space.id),
    )


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
        text("SELECT kind, extract(epoch FROM now() - sampled_at) FROM background WHERE space_id = :space"),
        {"space": space_id},
    )
    return {kind: max(0.0, float(age)) for kind, age in rows}
