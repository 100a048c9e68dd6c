"""Queries on near-duplicates marked for deletion. They stay in the library but are not compared."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.arrays import is_among
from backend.store.review.near_duplicates import forget_comparisons
from backend.store.schema import MarkedForDeletion, Media
from backend.store.statements import Statements

_SQL = Statements(__file__)


@dataclass(frozen=True)
class MarkedTotals:
    """Number of marked pictures, size of their originals, and time of the last mark (None without any)."""

    media: int
    byte_size: int
    until: datetime | None


def record_marked(session: Session, keep_media_id: uuid.UUID, media_ids: Sequence[uuid.UUID], actor: str) -> None:
    """Mark pictures, and exclude them from comparisons. Removes a mark from the picture to keep, so that a cycle of marks cannot delete
    all."""
    session.execute(sa.delete(MarkedForDeletion).where(MarkedForDeletion.media_id == keep_media_id))
    session.execute(sa.text(_SQL("mark")), {"ids": list(media_ids), "keeper": keep_media_id, "actor": actor})
    # They wait for comparison, but are not compared while marked.
    forget_comparisons(session, media_ids)


def forget_marked(session: Session, media_ids: Sequence[uuid.UUID]) -> int:
    """Remove marks, so that the pictures are compared again. Returns how many were marked."""
    unmarked = session.execute(
        sa.delete(MarkedForDeletion)
        .where(is_among(MarkedForDeletion.media_id, media_ids))
        .returning(MarkedForDeletion.media_id)
    )
    return len(unmarked.all())


def forget_keepers(session: Session, keepers: Sequence[uuid.UUID]) -> int:
    """Queue pictures whose picture to keep is one of these for another comparison. Returns how many."""
    rows = session.execute(
        sa.text(
            "UPDATE near_duplicate SET keeper_media_id = NULL WHERE keeper_media_id = ANY(:ids) RETURNING media_id"
        ),
        {"ids": list(keepers)},
    )
    return len(rows.all())


def list_marked(session: Session, limit: int, *, until: datetime | None = None) -> list[uuid.UUID]:
    """Marked pictures, first marked first, so that none is deleted before those that were given up for it. `until` limits the time."""
    marked = sa.select(MarkedForDeletion.media_id).order_by(MarkedForDeletion.created_at, MarkedForDeletion.media_id)
    if until is not None:
        marked = marked.where(MarkedForDeletion.created_at <= until)
    return list(session.scalars(marked.limit(limit)))


def count_marked(session: Session) -> MarkedTotals:
    row = session.execute(
        sa.select(
            sa.func.count().label("media"),
            sa.func.coalesce(sa.func.sum(Media.byte_size), 0).label("byte_size"),
            sa.func.max(MarkedForDeletion.created_at).label("until"),
        )
        .select_from(MarkedForDeletion)
        .join(Media, Media.id == MarkedForDeletion.media_id)
    ).one()
    return MarkedTotals(row.media, int(row.byte_size or 0), row.until)
