"""Texts of pictures found by a query."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class MediaWords:
    """Texts on the card of a hit."""

    media_id: uuid.UUID
    title: str
    location: str
    caption: str
    keywords: tuple[str, ...]


def list_words(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, MediaWords]:
    """Texts by id. Omits deleted pictures. One statement."""
    rows = session.execute(
        text("SELECT id, title, location, caption, keywords FROM media WHERE id = ANY(:ids)"), {"ids": list(media_ids)}
    )
    return {row.id: MediaWords(row.id, row.title, row.location, row.caption, tuple(row.keywords)) for row in rows}
