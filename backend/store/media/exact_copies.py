"""Queries on exact copies: files that were sent again. They are stored once, with the picture created first."""

import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.schema import ExactCopy, Media
from backend.store.statements import Statements
from backend.store.titles import CALLED, with_shown_title

_SQL = Statements(__file__)


@dataclass(frozen=True)
class CopySent:
    """A further source of a picture's file, with its first source."""

    id: int
    media_id: uuid.UUID
    title: str
    shown_title: str
    media_source: str
    media_source_uri: str | None
    source: str
    source_uri: str
    times_sent: int
    first_sent_at: datetime
    last_sent_at: datetime


def record_exact_copy(session: Session, media_id: uuid.UUID, source: str, source_uri: str | None) -> None:
    """Count a copy of a picture. Importing the same file from the same path again does not count."""
    session.execute(
        sa.text(_SQL("record")),
        {"media_id": media_id, "source": source, "source_uri": source_uri or ""},
    )


def list_exact_copies(
    session: Session, *, media_id: uuid.UUID | None = None, before: tuple[datetime, int] | None = None, limit: int
) -> list[CopySent]:
    """A page of copies, last sent first. `before` is (last_sent_at, id) of the last row on the previous page."""
    query = (
        sa.select(
            ExactCopy.id,
            ExactCopy.media_id,
            *CALLED,
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
    return [CopySent(**with_shown_title(row)) for row in session.execute(query)]
