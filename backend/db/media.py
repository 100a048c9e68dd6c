"""Queries on media rows: take them in, lease them, record what became of them."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.db.arrays import fetch_arrays
from backend.db.statements import statement
from backend.db.tables import UPLOAD_SEQ, Media, MediaStatus
from backend.errors import LeaseLost, NotFound
from backend.ingest.text import MediaText

_UPLOAD_ORDER_LOCK = 0x6D63_0004


@dataclass(frozen=True)
class StoredPicture:
    """What is known of a picture whose bytes are in the storage."""

    sha256: bytes
    original_key: str
    mime: str
    width: int
    height: int
    byte_size: int
    exif: dict[str, Any]


@dataclass(frozen=True)
class Lease:
    """The right to work on some rows until it runs out; recording asks for the token."""

    token: uuid.UUID
    seconds: float


@dataclass(frozen=True)
class PendingMedia:
    """A leased row that is to be embedded."""

    id: uuid.UUID
    sha256: bytes
    original_key: str
    text: MediaText
    ocr_text: str
    attempts: int
    upload_seq: int


@dataclass(frozen=True)
class FetchingMedia:
    """A leased row whose bytes are still at `url`."""

    id: uuid.UUID
    url: str
    text: MediaText
    attempts: int


def find_media(session: Session, media_id: uuid.UUID) -> Media | None:
    return session.get(Media, media_id)


def get_media(session: Session, media_id: uuid.UUID) -> Media:
    """Raises NotFound."""
    media = find_media(session, media_id)
    if media is None:
        raise NotFound(f"There is no media {media_id}.")
    return media


def find_media_by_sha256(session: Session, sha256: bytes) -> Media | None:
    return session.scalar(sa.select(Media).where(Media.sha256 == sha256))


def list_media(
    session: Session, *, status: MediaStatus | None = None, before: tuple[datetime, uuid.UUID] | None = None, limit: int
) -> list[Media]:
    """Newest first; `before` is (created_at, id) of the last row of the page before."""
    query = sa.select(Media).order_by(Media.created_at.desc(), Media.id.desc()).limit(limit)
    if status is not None:
        query = query.where(Media.status == status)
    if before is not None:
        query = query.where(sa.tuple_(Media.created_at, Media.id) < before)
    return list(session.scalars(query))


def count_media_by_status(session: Session) -> dict[MediaStatus, int]:
    """Every status is there, with 0 where no media has it."""
    counts = dict(session.execute(sa.select(Media.status, sa.func.count()).group_by(Media.status)).all())
    return {status: counts.get(status, 0) for status in MediaStatus}


def count_failures_by_code(session: Session) -> dict[str, int]:
    """Failed media by error code, the commonest first."""
    rows = session.execute(
        sa.select(Media.error_code, sa.func.count())
        .where(Media.status == MediaStatus.FAILED)
        .group_by(Media.error_code)
        .order_by(sa.func.count().desc(), Media.error_code)
    )
    return {code or "": count for code, count in rows}


def next_upload_seq(session: Session) -> int:
    """A place in the upload order. Takes the order's lock, so that rows become visible in that order: call it last."""
    session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPLOAD_ORDER_LOCK})
    return session.execute(sa.select(UPLOAD_SEQ.next_value())).scalar_one()


def insert_pending(
    session: Session,
    media_id: uuid.UUID,
    picture: StoredPicture,
    text: MediaText,
    source: str,
    source_uri: str | None,
) -> uuid.UUID:
    """Insert a picture that is to be embedded; returns its id, or that of the row with the same bytes."""
    created = session.execute(
        insert(Media)
        .values(
            id=media_id,
            **vars(picture),
            **_columns(text),
            source=source,
            source_uri=source_uri,
            status=MediaStatus.PENDING,
            upload_seq=next_upload_seq(session),
        )
        .on_conflict_do_nothing(index_elements=[Media.sha256])
        .returning(Media.id)
    ).scalar_one_or_none()
    if created is not None:
        return created
    return session.execute(sa.select(Media.id).where(Media.sha256 == picture.sha256)).scalar_one()


def insert_fetching(session: Session, media_id: uuid.UUID, url: str, text: MediaText) -> None:
    """Insert a picture that is still elsewhere."""
    session.execute(
        insert(Media).values(id=media_id, **_columns(text), source="url", source_uri=url, status=MediaStatus.FETCHING)
    )


def claim_pending(session: Session, lease: Lease, *, limit: int, max_attempts: int) -> list[PendingMedia]:
    """Lease up to `limit` rows to be embedded, in upload order."""
    rows = fetch_arrays(session, statement("claim_pending"), _claim_parameters(lease, limit, max_attempts))
    claimed = [
        PendingMedia(row[0], row[1], row[2], _text(row[3:9]), ocr_text=row[9], attempts=row[10], upload_seq=row[11])
        for row in rows
    ]
    return sorted(claimed, key=lambda media: media.upload_seq)


def claim_fetching(session: Session, lease: Lease, *, limit: int, max_attempts: int) -> list[FetchingMedia]:
    """Lease up to `limit` rows to be fetched."""
    rows = fetch_arrays(session, statement("claim_fetching"), _claim_parameters(lease, limit, max_attempts))
    return [FetchingMedia(row[0], row[1], _text(row[2:8]), row[8]) for row in rows]


def record_fetched(
    session: Session, media_id: uuid.UUID, lease: Lease, picture: StoredPicture, text: MediaText
) -> uuid.UUID | None:
    """Move a fetched row on to pending; returns the id of an older row with the same bytes, where there is one.

    Raises LeaseLost.
    """
    next_seq = next_upload_seq(session)
    older = session.execute(sa.select(Media.id).where(Media.sha256 == picture.sha256)).scalar_one_or_none()
    values: dict[str, Any] = {"lease_token": None, "lease_until": None}
    if older is not None:
        values |= {"status": MediaStatus.DUPLICATE, "duplicate_of": older}
    else:
        values |= {
            **vars(picture),
            **_columns(text),
            "status": MediaStatus.PENDING,
            "upload_seq": next_seq,
            "attempts": 0,
        }
    _update_leased(session, media_id, lease, MediaStatus.FETCHING, values)
    return older


def record_embedded(
    session: Session, media_ids: Sequence[uuid.UUID], lease: Lease, ocr: dict[uuid.UUID, str]
) -> list[uuid.UUID]:
    """Move leased rows on to embedded; returns those that were still this lease's."""
    kept = session.execute(
        sa.update(Media)
        .where(Media.id.in_(media_ids), Media.lease_token == lease.token, Media.status == MediaStatus.PENDING)
        .values(
            status=MediaStatus.EMBEDDED,
            embedded_at=sa.func.now(),
            lease_token=None,
            lease_until=None,
            error_code=None,
            error_detail=None,
        )
        .returning(Media.id)
    ).scalars()
    kept_ids = list(kept)
    for media_id, words in ocr.items():
        session.execute(sa.update(Media).where(Media.id == media_id).values(ocr_text=words))
    return kept_ids


def record_failed(session: Session, media_id: uuid.UUID, lease: Lease, code: str, detail: str) -> None:
    """Give a leased row up, with the reason. Raises LeaseLost."""
    values = {
        "status": MediaStatus.FAILED,
        "error_code": code,
        "error_detail": detail,
        "lease_token": None,
        "lease_until": None,
    }
    _update_leased(session, media_id, lease, None, values)


def renew_lease(session: Session, lease: Lease) -> None:
    """Put off the end of a lease; rows that were given to somebody else meanwhile stay theirs."""
    session.execute(
        sa.update(Media)
        .where(Media.lease_token == lease.token)
        .values(lease_until=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, lease.seconds))
    )


def release_lease(session: Session, lease: Lease, *, retry_seconds: float, count_attempt: bool) -> None:
    """Hand rows back for another try later; an attempt that failed for no fault of the file is not counted."""
    session.execute(
        sa.update(Media)
        .where(Media.lease_token == lease.token)
        .values(
            lease_token=None,
            lease_until=None,
            attempts=Media.attempts if count_attempt else Media.attempts - 1,
            next_attempt_at=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, retry_seconds),
        )
    )


def record_quarantined(session: Session, max_attempts: int) -> list[uuid.UUID]:
    """Give up rows whose last allowed attempt ended without a word: their worker died or stalled."""
    detail = f"{max_attempts} attempts ended without a result; the file may crash or stall the decoder."
    return list(
        session.execute(
            sa.update(Media)
            .where(
                Media.status.in_([MediaStatus.PENDING, MediaStatus.FETCHING]),
                Media.attempts >= max_attempts,
                sa.or_(Media.lease_until.is_(None), Media.lease_until < sa.func.now()),
            )
            .values(
                status=MediaStatus.FAILED,
                error_code="quarantined",
                error_detail=detail,
                lease_token=None,
                lease_until=None,
            )
            .returning(Media.id)
        ).scalars()
    )


def list_failed(session: Session) -> list[uuid.UUID]:
    """Ids of all failed media, oldest first."""
    return list(
        session.scalars(sa.select(Media.id).where(Media.status == MediaStatus.FAILED).order_by(Media.created_at))
    )


def retry_failed(session: Session, media_id: uuid.UUID) -> None:
    """Lead a failed row back to where it failed. Raises NotFound where it is not there or has not failed."""
    retried = session.execute(
        sa.update(Media)
        .where(Media.id == media_id, Media.status == MediaStatus.FAILED)
        .values(
            status=sa.case((Media.sha256.is_(None), MediaStatus.FETCHING), else_=MediaStatus.PENDING),
            attempts=0,
            error_code=None,
            error_detail=None,
            next_attempt_at=sa.func.now(),
        )
        .returning(Media.id)
    ).scalar_one_or_none()
    if retried is None:
        raise NotFound(f"There is no failed media {media_id}.")


@dataclass(frozen=True)
class WaitingWork:
    """Rows that could be worked on now, by kind of work."""

    fetching: int
    pending: int
    embedded: int


def count_waiting(session: Session) -> WaitingWork:
    claimable = sa.and_(
        Media.next_attempt_at <= sa.func.now(),
        sa.or_(Media.lease_until.is_(None), Media.lease_until < sa.func.now()),
    )
    row = session.execute(
        sa.select(
            sa.func.count().filter(Media.status == MediaStatus.FETCHING, claimable),
            sa.func.count().filter(Media.status == MediaStatus.PENDING, claimable),
            sa.func.count().filter(Media.status == MediaStatus.EMBEDDED),
        ).where(Media.status.in_([MediaStatus.FETCHING, MediaStatus.PENDING, MediaStatus.EMBEDDED]))
    ).one()
    return WaitingWork(*row)


def _update_leased(
    session: Session, media_id: uuid.UUID, lease: Lease, status: MediaStatus | None, values: dict[str, Any]
) -> None:
    query = sa.update(Media).where(Media.id == media_id, Media.lease_token == lease.token)
    if status is not None:
        query = query.where(Media.status == status)
    if session.execute(query.values(**values).returning(Media.id)).scalar_one_or_none() is None:
        raise LeaseLost(f"Media {media_id} was given to another worker.")


def _claim_parameters(lease: Lease, limit: int, max_attempts: int) -> dict[str, Any]:
    return {
        "lease_token": lease.token,
        "lease_seconds": lease.seconds,
        "limit": limit,
        "max_attempts": max_attempts,
    }


def _text(values: Sequence[Any]) -> MediaText:
    title, caption, keywords, location, story, taken_at = values
    return MediaText(title, caption, tuple(keywords), location, story, taken_at)


def _columns(text: MediaText) -> dict[str, Any]:
    return {**asdict(text), "keywords": list(text.keywords)}


@dataclass(frozen=True)
class MediaOutcome:
    """How far a media has come."""

    media_id: uuid.UUID
    status: MediaStatus
    error_code: str | None
    error_detail: str | None
    duplicate_of: uuid.UUID | None

    @property
    def is_settled(self) -> bool:
        return self.status in {MediaStatus.READY, MediaStatus.FAILED, MediaStatus.DUPLICATE}


def list_outcomes(session: Session, media_ids: Sequence[uuid.UUID]) -> list[MediaOutcome]:
    """How far these media have come; ids that are gone are left out."""
    rows = session.execute(
        sa.text(
            "SELECT id, status, error_code, error_detail, duplicate_of FROM media WHERE id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(media_ids)},
    )
    return [
        MediaOutcome(row.id, MediaStatus(row.status), row.error_code, row.error_detail, row.duplicate_of)
        for row in rows
    ]
