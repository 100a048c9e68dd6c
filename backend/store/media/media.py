"""Read queries on pictures, and the upload order."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.files.text import MediaText
from backend.store.arrays import fetch_arrays, is_among
from backend.store.schema import Media, MediaStatus
from backend.store.statements import Statements

_SQL = Statements(__file__)

_UPLOAD_ORDER_LOCK = 0x6D63_0004
_ORDER_IDLE_SECONDS = 15
_TEXT_FIELDS = tuple(field.name for field in fields(MediaText))


@dataclass(frozen=True)
class StoredPicture:
    """Properties of a picture whose file is stored. `warnings` have `code` and `detail`: what is not right with the file."""

    sha256: bytes
    original_key: str
    mime: str
    width: int
    height: int
    byte_size: int
    exif: dict[str, Any]
    warnings: list[dict[str, Any]]


def find_media(session: Session, media_id: uuid.UUID) -> Media | None:
    return session.get(Media, media_id)


def get_media(session: Session, media_id: uuid.UUID) -> Media:
    """The picture with this id. Raises NotFound."""
    media = find_media(session, media_id)
    if media is None:
        raise NotFound(f"There is no picture {media_id}.")
    return media


def resolve_copies(session: Session, media_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """These pictures in order, with duplicates replaced by the pictures that have their file."""
    rows = session.execute(
        sa.select(Media.id, Media.duplicate_of).where(is_among(Media.id, media_ids), Media.duplicate_of.is_not(None))
    )
    copies = {row.id: row.duplicate_of for row in rows}
    return [copies.get(media_id, media_id) for media_id in media_ids]


def get_media_for_update(session: Session, media_id: uuid.UUID) -> Media:
    """The current row, locked until the transaction ends. Raises NotFound."""
    media = session.get(Media, media_id, with_for_update=True, populate_existing=True)
    if media is None:
        raise NotFound(f"There is no picture {media_id}.")
    return media


def find_media_by_sha256(session: Session, sha256: bytes) -> Media | None:
    return session.scalar(sa.select(Media).where(Media.sha256 == sha256))


def list_perceptual_hashes(session: Session, media_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Perceptual hashes by id, in the given order. Omits pictures without one, and without detail."""
    found = session.execute(
        sa.select(Media.id, Media.perceptual_hash).where(Media.id.in_(media_ids), Media.perceptual_hash != 0)
    )
    hashes = {row.id: row.perceptual_hash for row in found if row.perceptual_hash is not None}
    return {media_id: hashes[media_id] for media_id in media_ids if media_id in hashes}


@dataclass(frozen=True)
class KnownMedia:
    """A file that is already stored: its SHA-256 and its picture."""

    sha256: bytes
    media_id: uuid.UUID
    status: MediaStatus


def list_known(session: Session, checksums: Sequence[bytes]) -> list[KnownMedia]:
    """Find which of these SHA-256 digests (32 bytes each) are stored. One statement."""
    statement = "SELECT sha256, id, status FROM media WHERE sha256 = ANY(CAST(:checksums AS bytea[]))"
    rows = fetch_arrays(session, statement, {"checksums": list(checksums)})
    return [KnownMedia(bytes(row.sha256), row.id, MediaStatus(row.status)) for row in rows]


def has_media_from_elsewhere(session: Session, folder: str) -> bool:
    """Whether any picture comes from outside this folder of the server."""
    elsewhere = sa.or_(Media.source_uri.is_(None), sa.not_(sa.func.starts_with(Media.source_uri, f"{folder}/")))
    return bool(session.execute(sa.select(sa.exists().where(elsewhere))).scalar_one())


def count_media_by_status(session: Session) -> dict[MediaStatus, int]:
    """Number of pictures by status, including 0."""
    counts = dict(session.execute(sa.select(Media.status, sa.func.count()).group_by(Media.status)).all())
    return {status: counts.get(status, 0) for status in MediaStatus}


def count_failures_by_code(session: Session) -> dict[str, int]:
    """Number of failed pictures by error code, most frequent first."""
    rows = session.execute(
        sa.select(Media.error_code, sa.func.count())
        .where(Media.status == MediaStatus.FAILED)
        .group_by(Media.error_code)
        .order_by(sa.func.count().desc(), Media.error_code)
    )
    return {code or "": count for code, count in rows}


def next_upload_seq(session: Session) -> int:
    """Take the next position in the upload order. Holds a lock until the commit, so that rows become visible in order: call it last.
    A process that stops here would block all uploads, so it loses the lock soon."""
    values = {"idle_limit": f"{_ORDER_IDLE_SECONDS}s", "lock": _UPLOAD_ORDER_LOCK}
    (row,) = fetch_arrays(session, _SQL("next_upload_seq"), values)
    return int(row.upload_seq)


def media_columns(text: MediaText) -> dict[str, Any]:
    """Columns for a text."""
    # Not asdict, whose deep copies take a third of the time of an import.
    return {name: getattr(text, name) for name in _TEXT_FIELDS} | {"keywords": list(text.keywords)}


@dataclass(frozen=True)
class MediaOutcome:
    """State of a picture's processing."""

    media_id: uuid.UUID
    status: MediaStatus
    error_code: str | None
    error_detail: str | None
    duplicate_of: uuid.UUID | None
    warnings: list[dict[str, Any]]

    @property
    def is_settled(self) -> bool:
        return self.status in {MediaStatus.READY, MediaStatus.FAILED, MediaStatus.DUPLICATE}


def list_outcomes(session: Session, media_ids: Sequence[uuid.UUID]) -> list[MediaOutcome]:
    """State of these pictures. Omits deleted ones."""
    rows = session.execute(
        sa.text(
            "SELECT id, status, error_code, error_detail, duplicate_of, warnings FROM media "
            "WHERE id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": list(media_ids)},
    )
    return [
        MediaOutcome(row.id, MediaStatus(row.status), row.error_code, row.error_detail, row.duplicate_of, row.warnings)
        for row in rows
    ]
