"""Thumbnails of pictures found by other queries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.rules.naming import UNTITLED
from backend.store.arrays import is_among
from backend.store.schema import Media
from backend.store.titles import CALLED, title_of


@dataclass(frozen=True)
class Picture:
    """A thumbnail, with the size of the picture for its layout.

    Attributes:
        media_id: its id.
        sha256: checksum in hex, None before it is fetched.
        title: its title.
        shown_title: what it is called, '' if there is nothing to call it by.
        width: in pixels.
        height: in pixels.
    """

    media_id: uuid.UUID
    sha256: str | None
    title: str
    shown_title: str
    width: int | None
    height: int | None

    @classmethod
    def of(cls, row: Any) -> Self:
        """A row with these columns and `CALLED`; it may have more."""
        return cls(row.media_id, row.sha256, row.title, title_of(row), row.width, row.height)

    @property
    def short_title(self) -> str:
        """What it is called, or that it has no name."""
        return self.shown_title or UNTITLED


def list_pictures(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Picture]:
    """Thumbnails by id. Omits deleted pictures. One statement."""
    rows = session.execute(
        sa.select(
            Media.id.label("media_id"),
            sa.func.encode(Media.sha256, "hex").label("sha256"),
            *CALLED,
            Media.width,
            Media.height,
        ).where(is_among(Media.id, media_ids))
    )
    return {row.media_id: Picture.of(row) for row in rows}
