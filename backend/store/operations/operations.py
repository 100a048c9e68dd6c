"""Queries on the state of processing. Each reads a partial index or a few rows, whatever the size of the library."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.statements import Statements
from backend.store.titles import with_shown_title

_SQL = Statements(__file__)

MOST_COUNTED = 100_000
"""Waiting pictures are counted up to here."""

KEPT_DAYS = 7
_SILENT_HOURS = 1
_MOST_FAILURES = 20_000
_BYTES_EVERY_MINUTES = 60


@dataclass(frozen=True)
class QueueDepth:
    """Number of pictures by status, at most MOST_COUNTED each, since when the oldest of each waits, and the time of this reading."""

    fetching: int
    pending: int
    embedded: int
    failed: int
    oldest_fetching: datetime | None
    oldest_pending: datetime | None
    oldest_embedded: datetime | None
    read_at: datetime


@dataclass(frozen=True)
class Pace:
    """Throughput of a period. `embed_seconds` is the median from upload to embedding, `group_seconds` from there to a group; None if there
    was nothing."""

    uploads: int
    embeddings: int
    groupings: int
    embed_seconds: float | None
    group_seconds: float | None


@dataclass(frozen=True)
class Sample:
    """Metrics of one time step: maxima of queue lengths, and throughput per minute."""

    moment: datetime
    fetching: int
    pending: int
    embedded: int
    failed: int
    uploads: float
    embeddings: float
    groupings: float
    embed_seconds: float | None
    group_seconds: float | None


@dataclass(frozen=True)
class FailedMedia:
    """A failed picture.

    Attributes:
        id: its id.
        error_code: its error code.
        error_detail: its error message.
        title: its title.
        shown_title: what it is called, '' if there is nothing to call it by.
        source: how it arrived.
        source_uri: where it came from.
        attempts: number of attempts.
        created_at: when it was uploaded.
        sha256: checksum in hex, None before it is fetched.
        has_thumbnail: whether it has thumbnails.
        size: number of pictures with this error code.
    """

    id: uuid.UUID
    error_code: str
    error_detail: str
    title: str
    shown_title: str
    source: str
    source_uri: str | None
    attempts: int
    created_at: datetime
    sha256: str | None
    has_thumbnail: bool
    size: int


@dataclass(frozen=True)
class RelationSize:
    """A table's size in bytes, with everything that belongs to it."""

    name: str
    table_bytes: int
    index_bytes: int


@dataclass(frozen=True)
class Scale:
    """Size of the library.

    Attributes:
        media: number of pictures, exact up to MOST_COUNTED and above that as estimated by Postgres.
        database_bytes: size of the database.
        original_bytes: size of the originals at the last hourly count, None before that.
    """

    media: int
    database_bytes: int
    original_bytes: int | None

    @property
    def is_estimate(self) -> bool:
        return self.media >= MOST_COUNTED


def read_depth(session: Session) -> QueueDepth:
    row = session.execute(sa.text(_SQL("read_depth")), {"most": MOST_COUNTED}).one()
    return QueueDepth(**row._asdict())


def read_pace(session: Session, seconds: float, *, until: datetime | None = None) -> Pace:
    """Throughput in the `seconds` before `until`, or before now."""
    end = until or session.execute(sa.text("SELECT now()")).scalar_one()
    since = session.execute(
        sa.text("SELECT CAST(:until AS timestamptz) - make_interval(secs => :seconds)"),
        {"until": end, "seconds": seconds},
    ).scalar_one()
    row = session.execute(sa.text(_SQL("read_pace")), {"since": since, "until": end}).one()
    return Pace(**row._asdict())


def list_samples(session: Session, seconds: float, step_seconds: float) -> list[Sample]:
    """Samples of the last `seconds`, oldest first."""
    rows = session.execute(sa.text(_SQL("list_samples")), {"seconds": seconds, "step": step_seconds})
    return [Sample(**row._asdict()) for row in rows]


def find_last_sample(session: Session) -> datetime | None:
    """Time of the last sample, which shows whether anyone still takes them."""
    found: datetime | None = session.execute(sa.text("SELECT max(minute) FROM operations_sample")).scalar_one()
    return found


def record_sample(session: Session) -> bool:
    """Write this minute's sample unless there is one, and delete old ones. Returns whether it was written."""
    minute = session.execute(sa.text("SELECT date_trunc('minute', now())")).scalar_one()
    taken = sa.text("SELECT EXISTS (SELECT FROM operations_sample WHERE minute = :minute)")
    if session.execute(taken, {"minute": minute}).scalar_one():
        return False
    depth, pace = read_depth(session), read_pace(session, 60.0, until=minute)
    values: dict[str, Any] = {
        "minute": minute,
        **{name: getattr(depth, name) for name in ("fetching", "pending", "embedded", "failed")},
        **vars(pace),
        "original_bytes": _add_up_originals(session),
    }
    session.execute(sa.text(_SQL("insert_sample")), values)
    session.execute(
        sa.text("DELETE FROM operations_sample WHERE minute < now() - make_interval(days => :days)"),
        {"days": KEPT_DAYS},
    )
    session.execute(
        sa.text("DELETE FROM worker_heartbeat WHERE seen_at < now() - make_interval(hours => :hours)"),
        {"hours": _SILENT_HOURS},
    )
    return True


def list_failures(session: Session, each: int) -> list[FailedMedia]:
    """Up to `each` failures per error code, newest first. Quarantined ones come first."""
    rows = session.execute(sa.text(_SQL("list_failures")), {"most": _MOST_FAILURES, "each": each})
    return [
        FailedMedia(**{name: value for name, value in with_shown_title(row).items() if name != "place"}) for row in rows
    ]


def list_newest_checksums(session: Session, limit: int) -> list[bytes]:
    """Checksums of the pictures that became ready last."""
    rows = session.execute(
        sa.text("SELECT sha256 FROM media WHERE ready_at IS NOT NULL ORDER BY ready_at DESC LIMIT :limit"),
        {"limit": limit},
    )
    return [bytes(row.sha256) for row in rows]


def list_sizes(session: Session, limit: int) -> list[RelationSize]:
    """The largest tables of this schema. Partitions count separately."""
    rows = session.execute(sa.text(_SQL("list_sizes")), {"limit": limit})
    return [RelationSize(**row._asdict()) for row in rows]


def read_scale(session: Session) -> Scale:
    row = session.execute(sa.text(_SQL("read_scale")), {"most": MOST_COUNTED}).one()
    return Scale(**row._asdict())


def _add_up_originals(session: Session) -> int | None:
    """Total size of the originals, computed once an hour because it reads all rows."""
    recent = sa.text(
        "SELECT EXISTS (SELECT FROM operations_sample WHERE original_bytes IS NOT NULL "
        "AND minute > now() - make_interval(mins => :minutes))"
    )
    if session.execute(recent, {"minutes": _BYTES_EVERY_MINUTES}).scalar_one():
        return None
    return int(session.execute(sa.text("SELECT coalesce(sum(byte_size), 0) FROM media")).scalar_one())
