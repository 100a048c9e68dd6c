"""Texts of pictures found by a query."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.rules.naming import shown_title


@dataclass(frozen=True)
class MediaWords:
    """What is on the card of a hit. `shown_title` is what the picture is called, '' if there is nothing to call it by."""

    media_id: uuid.UUID
    title: str
    shown_title: str
    location: str
    caption: str
    keywords: tuple[str, ...]
    taken_at: datetime | None
    taken_at_precision: str


def list_words(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, MediaWords]:
    """Texts by id. Omits deleted pictures. One statement."""
    rows = session.execute(
        text(
            "SELECT id, title, location, caption, keywords, file_name, taken_at, taken_at_precision FROM media WHERE id = ANY(:ids)"
        ),
        {"ids": list(media_ids)},
    )
    return {
        row.id: MediaWords(
            row.id,
            row.title,
            shown_title(row.title, row.caption, row.file_name),
            row.location,
            row.caption,
            tuple(row.keywords),
            row.taken_at,
            row.taken_at_precision,
        )
        for row in rows
    }


def list_moments(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime | None]:
    """When pictures were taken, None if unknown. Omits deleted pictures. One statement."""
    rows = session.execute(text("SELECT id, taken_at FROM media WHERE id = ANY(:ids)"), {"ids": list(media_ids)})
    return {row.id: row.taken_at for row in rows}
