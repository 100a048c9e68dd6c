"""Leases: the right to work on rows until a time, renewed during the work.

A claim writes a token and an end time into the rows. A live holder renews its lease; when a dead holder's lease expires, its rows are
free again. Results are recorded only if the token still matches (`is_held`), so a holder that is too late changes nothing. Leases on
pictures last `Settings.lease_seconds`; all other durations are defined here, except that of deliveries of webhooks, which
`features.steps.deliver` derives from the size of a batch.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa
import uuid_utils.compat
from sqlalchemy.orm import Session

from backend.errors import BackendUnavailable, MediaclusterError
from backend.store.engine import Database
from backend.store.schema import IdempotencyKey, Media, SpaceFillItem

logger = logging.getLogger(__name__)

# How long a server that died blocks a repeat of its request.
ANSWER_SECONDS = 15.0
# How long an interrupted change of model keeps the assigner from pictures that the new space lacks, and makes processes keep its
# encoders.
CLOSING_SECONDS = 30.0
WANTED_SECONDS = 120.0
# A task of the model page is considered dead after this time without a sign of life. Its process may take a while to start, and then
# reports its progress every second.
SPACE_WORK_SECONDS = 30.0
SPACE_WORK_BEAT_SECONDS = 1.0
# A process that holds encoders is considered dead after this time. It reports whenever it checks which encoders to load.
ENCODERS_SECONDS = 15.0
ENCODERS_BEAT_SECONDS = 2.0

_RENEWALS = 3
_RETRY_SECONDS = 5.0
_HAND_BACK_EVERY_SECONDS = 1.0

# Tables whose rows count attempts, and all tables whose rows can be leased.
Work = type[Media] | type[SpaceFillItem]
Leased = Work | type[IdempotencyKey]

# Values of a row without a holder.
FREE: Mapping[str, None] = MappingProxyType({"lease_token": None, "lease_until": None})


@dataclass(frozen=True)
class Lease:
    """The right to work on some rows until it expires. Recording requires the token."""

    token: uuid.UUID
    seconds: float

    @classmethod
    def of(cls, seconds: float) -> "Lease":
        """Create a lease. It holds no rows yet."""
        return cls(uuid_utils.compat.uuid7(), seconds)


def from_now(seconds: float) -> sa.ColumnElement[datetime]:
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def is_held(table: Leased, lease: Lease) -> sa.ColumnElement[bool]:
    """Whether a row belongs to this lease. Every statement that records a result checks this."""
    return table.lease_token == lease.token


def is_free(table: Leased) -> sa.ColumnElement[bool]:
    """Whether a row has no holder, or the holder's lease has expired."""
    return sa.or_(table.lease_until.is_(None), table.lease_until < sa.func.now())


def renew(session: Session, table: Leased, lease: Lease, row: sa.ColumnElement[bool] | None = None) -> None:
    """Extend a lease. Rows that another lease took over are not changed. `row` identifies the row if there is a better condition than the
    token."""
    query = sa.update(table).where(is_held(table, lease))
    if row is not None:
        query = query.where(row)
    session.execute(query.values(lease_until=from_now(lease.seconds)))


def hand_back(session: Session, table: Work, lease: Lease, *, retry_seconds: float = _RETRY_SECONDS) -> None:
    """Release all rows of a lease for a later retry. The attempt does not count, because the rows did not cause the failure."""
    session.execute(
        sa.update(table)
        .where(is_held(table, lease))
        .values(**FREE, attempts=table.attempts - 1, next_attempt_at=from_now(retry_seconds))
    )


def hand_back_one(
    session: Session, table: Work, row: sa.ColumnElement[bool], lease: Lease, *, retry_seconds: float, reason: str
) -> bool:
    """Release one row after an attempt that counts, with the reason. Returns False if it no longer belongs to this lease."""
    given = session.execute(
        sa.update(table)
        .where(row, is_held(table, lease))
        .values(**FREE, error_detail=reason, next_attempt_at=from_now(retry_seconds))
        .returning(table.next_attempt_at)
    )
    return given.one_or_none() is not None


def held(database: Database, table: Leased, lease: Lease) -> AbstractContextManager[None]:
    """Renew a lease in the background until the block ends."""
    return renewed(database, lambda session: renew(session, table, lease), lease.seconds)


def renewed(database: Database, renewal: Callable[[Session], object], seconds: float) -> AbstractContextManager[None]:
    """Renew something that lasts `seconds` in the background, three times in that time, until the block ends."""
    return repeated(database, renewal, seconds / _RENEWALS)


@contextmanager
def repeated(
    database: Database, renewal: Callable[[Session], object], every_seconds: float, *, at_once: bool = False
) -> Iterator[None]:
    """Call `renewal` in the background until the block ends, first `at_once` or after `every_seconds`.

    Each call gets a session in its own transaction. A failure is logged and retried at the next turn: recording will show whether the
    lease is still valid.
    """
    left = threading.Event()

    def keep_on() -> None:
        pause = 0.0 if at_once else every_seconds
        while not left.wait(pause):
            pause = every_seconds
            try:
                with database.transaction() as session:
                    renewal(session)
            except MediaclusterError as error:
                logger.warning("A claim could not be renewed: %s", error.full_detail)

    renewer = threading.Thread(target=keep_on, name="renewer", daemon=True)
    renewer.start()
    try:
        yield
    finally:
        left.set()
        renewer.join()


def hand_back_patiently(database: Database, table: Work, lease: Lease, *, patience_seconds: float) -> None:
    """Release all rows of a lease. Waits for an unavailable database up to `patience_seconds`. After that, the lease expires and the
    attempt stays counted."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            with database.transaction() as session:
                hand_back(session, table, lease)
                return
        except BackendUnavailable as error:
            if time.monotonic() > deadline:
                logger.warning("Rows could not be handed back; their lease will run out: %s", error.full_detail)
                return
        time.sleep(_HAND_BACK_EVERY_SECONDS)
