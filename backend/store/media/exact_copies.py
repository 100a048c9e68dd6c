"""Queries on exact copies: bytes that were sent again. They are stored once, under the media that they made first."""

import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.schema import ExactCopy, Media
from backend.store.statements import Statements

_SQL = Statements(__file__)


@dataclass(frozen=True)
class CopySent:
    """One place from which the bytes of a media came again, beside the place that they came from first."""

    id: int
    media_id: uuid.UUID
    title: str
    media_source: str
    media_source_uri: str | None
    source: str
    source_uri: str
    times_sent: int
    first_sent_at: datetime
    last_sent_at: datetime


def record_exact_copy(session: Session, media_id: uuid.UUID, source: str, source_uri: str | None) -> None:
    """Count a copy of a media. The very file that it was imported from is no copy when it is imported again."""
    session.execute(
        sa.text(_SQL("record")),
        {"media_id": media_id, "source": source, "source_uri": source_uri or ""},
    )


def list_exact_copies(
    session: Session, *, media_id: uuid.UUID | None = None, before: tuple[datetime, int] | None = None, limit: int
) -> list[CopySent]:
    """Sent last comes first; `before` is (last_sent_at, id) of the last row of the page before."""
    query = (
        sa.select(
            ExactCopy.id,
            ExactCopy.media_id,
            Media.title,
            Media.source.label("media_source"),
            Media.source_uri.label("media_source_uri"),
            ExactCopy.source,
            ExactCopy.source_uri,
            ExactCopy.times_sent,
            ExactCopy.first_sent_at,
            ExactCopy.last_sent_at,
        )
        .join(Media, Media.id == ExactCopy.media_id)
        .order_by(ExactCopy.last_sent_at.desc(), ExactCopy.id.desc())
        .limit(limit)
    )
    if media_id is not None:
        query = query.where(ExactCopy.media_id == media_id)
    if before is not None:
        query = query.where(sa.tuple_(ExactCopy.last_sent_at, ExactCopy.id) < before)
    return [CopySent(**row._asdict()) for row in session.execute(query)]
