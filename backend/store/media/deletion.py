"""Queries that remove media."""

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
    """A media to be removed; `file` is None where its bytes never came."""

    media_id: uuid.UUID
    file: StoredFile | None


def lock_media(session: Session, media_ids: Collection[uuid.UUID], *, wait_seconds: float) -> list[Doomed]:
    """These media and the fetched doubles that point to them, held until the transaction ends; unknown ids are left
    out.

    Workers lock rows in no order, so a deadlock is possible; whoever deletes gives way, since it waits for less than
    it takes Postgres to look for one. The transaction ends as TransactionConflict then.
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
    """Remove the rows, and tell of it; embeddings, memberships and whatever else belongs to them go with them."""
    session.execute(sa.text("DELETE FROM media WHERE id = ANY(:ids)"), {"ids": list(media_ids)})
    record_events(session, [Event(EventKind.DELETED, media_id) for media_id in media_ids])
