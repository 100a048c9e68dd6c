"""Queries of the workers: lease media rows, and record what became of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import LeaseLost, NotFound, NotInSpace
from backend.files.text import MediaText
from backend.store.arrays import fetch_arrays, is_among
from backend.store.media.media import StoredPicture, media_columns, next_upload_seq, text_in
from backend.store.schema import EMBEDDINGS_SOURCE, Embedding, Media, MediaStatus, Space, SpaceState
from backend.store.statements import Statements

_SQL = Statements(__file__)


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
    request_id: str | None


@dataclass(frozen=True)
class FetchingMedia:
    """A leased row whose bytes are still at `url`."""

    id: uuid.UUID
    url: str
    text: MediaText
    attempts: int
    request_id: str | None


def claim_pending(session: Session, lease: Lease, *, limit: int, max_attempts: int) -> list[PendingMedia]:
    """Lease up to `limit` rows to be embedded, in upload order."""
    rows = fetch_arrays(session, _SQL("claim_pending"), _claim_parameters(lease, limit, max_attempts))
    claimed = [
        PendingMedia(
            id=row.id,
            sha256=row.sha256,
            original_key=row.original_key,
            text=text_in(row),
            ocr_text=row.ocr_text,
            attempts=row.attempts,
            upload_seq=row.upload_seq,
            request_id=row.request_id,
        )
        for row in rows
    ]
    return sorted(claimed, key=lambda media: media.upload_seq)


def claim_fetching(session: Session, lease: Lease, *, limit: int, max_attempts: int) -> list[FetchingMedia]:
    """Lease up to `limit` rows to be fetched."""
    rows = fetch_arrays(session, _SQL("claim_fetching"), _claim_parameters(lease, limit, max_attempts))
    return [FetchingMedia(row.id, row.source_uri, text_in(row), row.attempts, row.request_id) for row in rows]


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
            **media_columns(text),
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
        .where(is_among(Media.id, media_ids), Media.lease_token == lease.token, Media.status == MediaStatus.PENDING)
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


def release_one(session: Session, media_id: uuid.UUID, lease: Lease, *, retry_seconds: float, reason: str) -> None:
    """Hand one row back after an attempt that counts, with what went wrong. Raises LeaseLost."""
    values: dict[str, Any] = {
        "lease_token": None,
        "lease_until": None,
        "error_detail": reason,
        "next_attempt_at": sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, retry_seconds),
    }
    _update_leased(session, media_id, lease, None, values)


def take_back(session: Session, media: Media) -> None:
    """Take a row from whoever works on it, who must not record what comes of what was read before. An attempt that is
    under way is not counted; one whose lease has run out was ended by its worker, and is."""
    session.flush()
    is_held = sa.and_(Media.lease_token.is_not(None), Media.lease_until > sa.func.now())
    session.execute(
        sa.update(Media)
        .where(Media.id == media.id)
        .values(
            attempts=sa.case((is_held, sa.func.greatest(Media.attempts - 1, 0)), else_=Media.attempts),
            lease_token=None,
            lease_until=None,
        )
    )


def record_quarantined(session: Session, max_attempts: int) -> dict[uuid.UUID, str | None]:
    """Give up rows whose last allowed attempt ended without a word: their worker died or stalled.

    Returns the id of the request that each came in with, by media.
    """
    detail = f"All {max_attempts} attempts ended without a result. The file may crash or stall the decoder."
    rows = session.execute(
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
        .returning(Media.id, Media.request_id)
    )
    return {row.id: row.request_id for row in rows}


def retry_failed(session: Session, media_id: uuid.UUID) -> None:
    """Lead a failed row back to where it failed.

    Raises:
        NotFound: it is not there or has not failed.
        NotInSpace: it came as vectors of another space, and there is no picture to make others of.
    """
    if _retry(session, Media.id == media_id):
        return
    failed = sa.select(Media.id).where(Media.id == media_id, Media.status == MediaStatus.FAILED)
    if session.execute(failed).first() is None:
        raise NotFound(f"There is no failed picture {media_id}.")
    raise NotInSpace(
        f"Picture {media_id} was imported as embeddings of another model, without a picture file to embed again.",
        hint="Go back to the model that its vectors came from (`mediacluster space rollback`), or "
        "delete it and upload its picture file.",
    )


def retry_failed_with(session: Session, code: str | None) -> int:
    """Lead all rows back that failed with this code, or with any, and that can be tried again; returns how many."""
    return _retry(session, sa.true() if code is None else Media.error_code == code)


def _has_vectors() -> sa.ColumnElement[bool]:
    """Whether a media was embedded into the active space before it failed."""
    active = sa.select(Space.id).where(Space.state == SpaceState.ACTIVE).scalar_subquery()
    return sa.exists().where(Embedding.media_id == Media.id, Embedding.space_id == active)


def _retry(session: Session, which: sa.ColumnElement[bool]) -> int:
    # What came as vectors has neither bytes nor an address where they could be fetched.
    has_a_source = sa.or_(Media.sha256.is_not(None), Media.source != EMBEDDINGS_SOURCE, _has_vectors())
    retried = session.execute(
        sa.update(Media)
        .where(which, Media.status == MediaStatus.FAILED, has_a_source)
        .values(
            status=sa.case(
                (_has_vectors(), MediaStatus.EMBEDDED),
                (Media.sha256.is_(None), MediaStatus.FETCHING),
                else_=MediaStatus.PENDING,
            ),
            attempts=0,
            error_code=None,
            error_detail=None,
            next_attempt_at=sa.func.now(),
        )
        .returning(Media.id)
    )
    return len(retried.all())


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
            sa.func.count().filter(Media.status == MediaStatus.FETCHING, claimable).label("fetching"),
            sa.func.count().filter(Media.status == MediaStatus.PENDING, claimable).label("pending"),
            sa.func.count().filter(Media.status == MediaStatus.EMBEDDED).label("embedded"),
        ).where(Media.status.in_([MediaStatus.FETCHING, MediaStatus.PENDING, MediaStatus.EMBEDDED]))
    ).one()
    return WaitingWork(**row._asdict())


def _update_leased(
    session: Session, media_id: uuid.UUID, lease: Lease, status: MediaStatus | None, values: dict[str, Any]
) -> None:
    query = sa.update(Media).where(Media.id == media_id, Media.lease_token == lease.token)
    if status is not None:
        query = query.where(Media.status == status)
    if session.execute(query.values(**values).returning(Media.id)).scalar_one_or_none() is None:
        raise LeaseLost(f"Picture {media_id} was given to another worker, or deleted.")


def _claim_parameters(lease: Lease, limit: int, max_attempts: int) -> dict[str, Any]:
    return {
        "lease_token": lease.token,
        "lease_seconds": lease.seconds,
        "limit": limit,
        "max_attempts": max_attempts,
    }
