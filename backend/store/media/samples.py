"""A deterministic sample of the library's pictures."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.files.text import MediaText
from backend.store.schema import Media, MediaStatus

_USABLE = (MediaStatus.PENDING, MediaStatus.EMBEDDED, MediaStatus.READY)


@dataclass(frozen=True)
class SampledMedia:
    """The original and the texts of a picture."""

    original_key: str
    text: MediaText
    ocr_text: str


def sample_media(session: Session, limit: int) -> list[SampledMedia]:
    """Up to `limit` pictures with an original, chosen by a hash of their ids, in upload order."""
    chosen = (
        sa.select(Media.id)
        .where(Media.status.in_(_USABLE), Media.original_key.is_not(None))
        .order_by(sa.func.md5(sa.cast(Media.id, sa.Text)))
        .limit(limit)
    )
    rows = session.scalars(sa.select(Media).where(Media.id.in_(chosen)).order_by(Media.upload_seq))
    return [
        SampledMedia(
            row.original_key or "",
            MediaText.of(row),
            row.ocr_text,
        )
        for row in rows
    ]
