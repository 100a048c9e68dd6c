"""Thumbnails of pictures found by other queries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.arrays import is_among
from backend.store.schema import Media


@dataclass(frozen=True)
class Picture:
    """A thumbnail, with the size of the picture for its layout. `sha256` is hex, None before it is fetched."""

    media_id: uuid.UUID
    sha256: str | None
    title: str
    width: int | None
    height: int | None

    @property
    def short_title(self) -> str:
        """The title, or a substitute if it has none."""
        return self.title or "Untitled picture"


def list_pictures(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Picture]:
    """Thumbnails by id. Omits deleted pictures. One statement."""
    rows = session.execute(
        sa.select(
            Media.id, sa.func.encode(Media.sha256, "hex").label("sha256"), Media.title, Media.width, Media.height
        ).where(is_among(Media.id, media_ids))
    )
    return {row.id: Picture(row.id, row.sha256, row.title, row.width, row.height) for row in rows}
