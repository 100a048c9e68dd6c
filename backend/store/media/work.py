"""Queries of workers: claim rows under a lease, and release them. `states` records the results."""

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import LeaseLost
from backend.files.text import MediaText
from backend.store.arrays import fetch_arrays
from backend.store.leases import FREE, Lease, hand_back_one, is_free
from backend.store.schema import Media, MediaStatus
from backend.store.statements import Statements

_SQL = Statements(__file__)


@dataclass(frozen=True)
class PendingMedia:
    """A leased row to embed."""

    id: uuid.UUID
    sha256: bytes
    original_key: str
    text: MediaText
    ocr_text: str
    attempts: int
    upload_seq: int
    request_id: str | None


@dataclass(frozen=True)
class FetchingMedia:
    """A leased row to fetch from `url`."""

    id: uuid.UUID
    url: str
    text: MediaText
    place: dict[str, Any]
    """Coordinates that came with it, under their names in `exif`."""
    attempts: int
    request_id: str | None


def claim_pending(session: Session, lease: Lease, *, limit: int, max_attempts: int) -> list[PendingMedia]:
    """Lease up to `limit` rows to embed, in upload order."""
    rows = fetch_arrays(session, _SQL("claim_pending"), _claim_parameters(lease, limit, max_attempts))
    claimed = [
        PendingMedia(
            id=row.id,
            sha256=row.sha256,
            original_key=row.original_key,
            text=MediaText.of(row),
            ocr_text=row.ocr_text,
            attempts=row.attempts,
            upload_seq=row.upload_seq,
            request_id=row.request_id,
        )
        for row in rows
    ]
    return sorted(claimed, key=lambda media: media.upload_seq)


def claim_fetching(session: Session, lease: Lease, *, limit: int, max_attempts: int) -> list[FetchingMedia]:
    """Lease up to `limit` rows to fetch."""
    rows = fetch_arrays(session, _SQL("claim_fetching"), _claim_parameters(lease, limit, max_attempts))
    return [
        FetchingMedia(row.id, row.source_uri, MediaText.of(row), row.exif, row.attempts, row.request_id) for row in rows
    ]


def release_one(session: Session, media_id: uuid.UUID, lease: Lease, *, retry_seconds: float, reason: str) -> None:
    """Release a row after an attempt that counts, with the reason. Raises LeaseLost."""
    if not hand_back_one(session, Media, Media.id == media_id, lease, retry_seconds=retry_seconds, reason=reason):
        raise LeaseLost(f"Picture {media_id} was given to another worker, or deleted.")


def take_back(session: Session, media: Media) -> None:
    """Take a row from its worker, whose result would be outdated. The running attempt does not count, but one whose lease has expired
    does: its worker ended it."""
    session.flush()
    is_held = sa.and_(Media.lease_token.is_not(None), Media.lease_until > sa.func.now())
    session.execute(
        sa.update(Media)
        .where(Media.id == media.id)
        .values(
            attempts=sa.case((is_held, sa.func.greatest(Media.attempts - 1, 0)), else_=Media.attempts),
            **FREE,
        )
    )


@dataclass(frozen=True)
class WaitingWork:
    """Number of rows that can be processed now, by kind of work."""

    fetching: int
    pending: int
    embedded: int


def count_waiting(session: Session) -> WaitingWork:
    claimable = sa.and_(
        Media.next_attempt_at <= sa.func.now(),
        is_free(Media),
    )
    row = session.execute(
        sa.select(
            sa.func.count().filter(Media.status == MediaStatus.FETCHING, claimable).label("fetching"),
            sa.func.count().filter(Media.status == MediaStatus.PENDING, claimable).label("pending"),
            sa.func.count().filter(Media.status == MediaStatus.EMBEDDED).label("embedded"),
        ).where(Media.status.in_([MediaStatus.FETCHING, MediaStatus.PENDING, MediaStatus.EMBEDDED]))
    ).one()
    return WaitingWork(**row._asdict())


def _claim_parameters(lease: Lease, limit: int, max_attempts: int) -> dict[str, Any]:
    return {
        "lease_token": lease.token,
        "lease_seconds": lease.seconds,
        "limit": limit,
        "max_attempts": max_attempts,
    }
