"""Queries that delete pictures."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.arrays import is_among
from backend.store.events import Event, EventKind, record_events
from backend.store.media.files import StoredFile
from backend.store.schema import Media


@dataclass(frozen=True)
class Doomed:
    """A picture to delete. `file` is None if it was never fetched."""

    media_id: uuid.UUID
    file: StoredFile | None


def lock_media(session: Session, media_ids: Collection[uuid.UUID], *, wait_seconds: float) -> list[Doomed]:
    """Lock these pictures, and the fetched duplicates that refer to them, until the transaction ends. Omits unknown ids.

    Workers lock rows in no particular order, so deadlocks are possible. The deletion gives way, because it waits for less than Postgres'
    deadlock timeout. Then the transaction raises TransactionConflict.
    """
    session.execute(
        sa.text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": f"{int(wait_seconds * 1000)}ms"}
    )
    rows = session.execute(
        sa.select(Media.id, Media.sha256, Media.original_key)
        .where(sa.or_(is_among(Media.id, media_ids), is_among(Media.duplicate_of, media_ids)))
        .order_by(Media.id)
        .with_for_update()
    )
    return [
        Doomed(media_id, None if sha256 is None or key is None else StoredFile(sha256, key))
        for media_id, sha256, key in rows
    ]


def delete_media_rows(session: Session, media_ids: Sequence[uuid.UUID]) -> None:
    """Delete the rows and record the events. Embeddings, memberships and other dependent rows are deleted with them."""
    session.execute(sa.text("DELETE FROM media WHERE id = ANY(:ids)"), {"ids": list(media_ids)})
    record_events(session, [Event(EventKind.DELETED, media_id) for media_id in media_ids])
