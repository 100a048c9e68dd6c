"""Leases: the right to work on rows until a time, renewed while the work goes on.

Claiming writes a token and an end into the rows. A holder that lives renews its lease, and one that dies does not: its rows are
free again when the lease has run out. Recording asks for the token (`is_held`), so a holder that comes back too late changes
nothing. Work on pictures lasts `Settings.lease_seconds`; how long everything else lasts stands here.
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

# How long a server that died holds up a repetition of its request.
ANSWER_SECONDS = 15.0
# How long a change of model that was broken off keeps the assigner from pictures that the new space lacks, and has processes
# hold its encoders.
CLOSING_SECONDS = 30.0
WANTED_SECONDS = 120.0
# A process that does what an admin asked for on the Model page is gone when it was silent for so long: starting it, with
# everything that it imports, may take a while. It says every second how far it is.
SPACE_WORK_SECONDS = 30.0
SPACE_WORK_BEAT_SECONDS = 1.0
# A process that holds encoders is gone when it was silent for so long; it says so whenever it looks which are wanted.
ENCODERS_SECONDS = 15.0
ENCODERS_BEAT_SECONDS = 2.0

_RENEWALS = 3
_RETRY_SECONDS = 5.0
_HAND_BACK_EVERY_SECONDS = 1.0

# Tables whose rows count their attempts, and all whose rows can be leased.
Work = type[Media] | type[SpaceFillItem]
Leased = Work | type[IdempotencyKey]

# What a row says that nobody holds.
FREE: Mapping[str, None] = MappingProxyType({"lease_token": None, "lease_until": None})


@dataclass(frozen=True)
class Lease:
    """The right to work on some rows until it runs out; recording asks for the token."""

    token: uuid.UUID
    seconds: float

    @classmethod
    def of(cls, seconds: float) -> "Lease":
        """A new one, which nobody has claimed anything with yet."""
        return cls(uuid_utils.compat.uuid7(), seconds)


def from_now(seconds: float) -> sa.ColumnElement[datetime]:
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def is_held(table: Leased, lease: Lease) -> sa.ColumnElement[bool]:
    """Whether a row is still this lease's: what everything that is recorded under a lease asks for."""
    return table.lease_token == lease.token


def is_free(table: Leased) -> sa.ColumnElement[bool]:
    """Whether nobody holds a row, or whoever did has died."""
    return sa.or_(table.lease_until.is_(None), table.lease_until < sa.func.now())


def renew(session: Session, table: Leased, lease: Lease, row: sa.ColumnElement[bool] | None = None) -> None:
    """Put off the end of a lease; rows that were given to somebody else meanwhile stay theirs. `row`: the one that is held,
    where it can be found by more than the token."""
    query = sa.update(table).where(is_held(table, lease))
    if row is not None:
        query = query.where(row)
    session.execute(query.values(lease_until=from_now(lease.seconds)))


def hand_back(session: Session, table: Work, lease: Lease, *, retry_seconds: float = _RETRY_SECONDS) -> None:
    """Give all rows of a lease back for another try later. The attempt is not counted: it is no fault of theirs."""
    session.execute(
        sa.update(table)
        .where(is_held(table, lease))
        .values(**FREE, attempts=table.attempts - 1, next_attempt_at=from_now(retry_seconds))
    )


def hand_back_one(
    session: Session, table: Work, row: sa.ColumnElement[bool], lease: Lease, *, retry_seconds: float, reason: str
) -> bool:
    """Give one row back after an attempt that counts, with what went wrong; False where it is not this lease's any more."""
    given = session.execute(
        sa.update(table)
        .where(row, is_held(table, lease))
        .values(**FREE, error_detail=reason, next_attempt_at=from_now(retry_seconds))
        .returning(table.next_attempt_at)
    )
    return given.one_or_none() is not None


def held(database: Database, table: Leased, lease: Lease) -> AbstractContextManager[None]:
    """Renew a lease in the background until the block is left."""
    return renewed(database, lambda session: renew(session, table, lease), lease.seconds)


def renewed(database: Database, renewal: Callable[[Session], object], seconds: float) -> AbstractContextManager[None]:
    """Renew what lasts for `seconds` in the background, three times in each, until the block is left."""
    return repeated(database, renewal, seconds / _RENEWALS)


@contextmanager
def repeated(
    database: Database, renewal: Callable[[Session], object], every_seconds: float, *, at_once: bool = False
) -> Iterator[None]:
    """Renew in the background until the block is left, the first time `at_once` or after `every_seconds`.

    `renewal` gets a session in a transaction of its own. One that fails is logged and the next one tried in its turn: recording
    will tell whether the claim still holds.
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
    """Give all rows of a lease back. Where the database is away this waits for it, up to `patience_seconds`; then the lease runs
    out by itself, and the attempt stays counted."""
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
