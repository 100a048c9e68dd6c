"""Connections and transactions. `Database.transaction()` is the only place that commits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from backend.errors import (
    BackendUnavailable,
    ConfigurationError,
    MediaclusterError,
    StorageFull,
    TransactionConflict,
)
from backend.store.arrays import register_arrays

# `Session` is here so that features and pages name the type without knowing SQLAlchemy.
__all__ = [
    "MINIMUM_VECTOR_VERSION",
    "Database",
    "PoolFigures",
    "Session",
    "begin_snapshot",
    "broken_constraints_as_conflicts",
    "forbid_writes",
    "libpq_parameters",
    "libpq_string",
    "limit_idling",
    "sqlalchemy_url",
    "translated_errors",
]

MINIMUM_VECTOR_VERSION = (0, 8, 4)
# undefined_table, undefined_column, undefined_function
_SCHEMA_STATES = {"42P01", "42703", "42883"}
_DISK_FULL = "53100"
# serialization_failure, deadlock_detected, lock_not_available: nothing was done, and the same may work at once.
_CONFLICT_STATES = {"40001", "40P01", "55P03"}
# The function of the server that finds a prepared statement whose columns have other types since: its code is no more than
# feature_not_supported, and its words may be in any language.
_OUTDATED_PLAN = "RevalidateCachedQuery"
# A peer that has gone without a word (a pulled cable, a host that froze) is noticed within a minute.
_KEEPALIVE = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 50_000}


def sqlalchemy_url(database_url: str) -> str:
    """Turn a libpq URL (`postgres://`, `postgresql://`) into the one that SQLAlchemy wants for psycopg 3."""
    scheme, separator, rest = database_url.partition("://")
    if separator and scheme in {"postgres", "postgresql"}:
        return f"postgresql+psycopg://{rest}"
    return database_url


def libpq_parameters(database_url: str) -> dict[str, Any]:
    """The parameters that a URL stands for, by libpq's names."""
    return conninfo_to_dict(database_url.replace("postgresql+psycopg://", "postgresql://", 1))


def libpq_string(parameters: dict[str, Any]) -> str:
    """The same as one string, for the programs of Postgres."""
    return make_conninfo("", **parameters)


@dataclass(frozen=True)
class PoolFigures:
    """How many connections of a pool are at work, and how many wait open."""

    in_use: int
    idle: int


class Database:
    """One pool of connections to one database; share it between threads, make it after a fork.

    Requests hold a connection for milliseconds, so five serve the forty threads of a server; ten more are for
    bursts, and close afterwards. At most fifteen a process leave room for six processes in Postgres's hundred.
    """

    def __init__(self, database_url: str, *, pool_size: int = 5, max_overflow: int = 10) -> None:
        self.url = database_url
        self.engine = _make_engine(database_url, pool_size, max_overflow)
        self._disposals = 0
        event.listen(self.engine, "connect", self._begin_connection)
        event.listen(self.engine, "checkin", self._end_connection)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._before_dispose: list[Callable[[], None]] = []

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Begin, hand out a session, commit; on any error roll back and raise.

        Raises:
            ConfigurationError: the schema is missing or older than this code.
            StorageFull: the server's disk is.
            TransactionConflict: another transaction was in the way.
            BackendUnavailable: the server cannot be reached or the connection broke. Where it broke during the
                commit the outcome is unknown: read again by id before repeating.
        """
        try:
            with translated_errors(), self._sessions.begin() as session:
                yield session
        except TransactionConflict as error:
            # Every connection has prepared the same: without this each would answer so once.
            if _is_outdated_plan(error.__cause__):
                self._drop_connections()
            raise

    def pool_figures(self) -> PoolFigures:
        """The connections of this process now."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return PoolFigures(in_use=pool.checkedout(), idle=pool.checkedin())

    def dispose(self) -> None:
        """End what works on it in the background, and close all connections; one that is at work yet, when it comes back."""
        for end in self._before_dispose:
            end()
        self._drop_connections()

    def before_dispose(self, end: Callable[[], None]) -> None:
        """Have a function called before connections are closed."""
        self._before_dispose.append(end)

    def _drop_connections(self) -> None:
        """Close all connections; one that is at work yet, when it comes back."""
        self._disposals += 1
        self.engine.dispose()

    def _begin_connection(self, connection: psycopg.Connection[Any], record: ConnectionPoolEntry) -> None:
        record.info["disposals"] = self._disposals
        try:
            record.info["knows_vectors"] = register_arrays(connection)
        except BaseException:
            connection.close()
            raise

    def _end_connection(self, connection: psycopg.Connection[Any] | None, record: ConnectionPoolEntry) -> None:
        # It would go back to a pool that nobody has any more, and stay open until the collector comes by. Or it is older
        # than the first migration, and would refuse vectors for as long as it lives.
        if connection is not None and (record.info["disposals"] != self._disposals or not record.info["knows_vectors"]):
            connection.close()


def limit_idling(session: Session, seconds: float) -> None:
    """End this transaction, with all its locks, once its process has asked nothing for `seconds` (0: never)."""
    session.execute(
        text("SELECT set_config('idle_in_transaction_session_timeout', :limit, true)"),
        {"limit": f"{int(seconds * 1000)}ms"},
    )


def begin_snapshot(session: Session) -> None:
    """Let this transaction, which must be new, see one moment of the database in all its statements."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def forbid_writes(session: Session) -> None:
    """Have Postgres refuse every write of this transaction from here on."""
    session.execute(text("SET TRANSACTION READ ONLY"))


@contextmanager
def broken_constraints_as_conflicts() -> Iterator[None]:
    """Raise TransactionConflict where a constraint is broken. For writers whose rows refer to rows that others may
    delete or insert meanwhile: another attempt reads these again."""
    try:
        yield
    except (IntegrityError, psycopg.IntegrityError) as error:
        raise TransactionConflict("Another transaction changed what this one refers to.", hint="Try again.") from error


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the driver says of a missing schema or an absent server into our errors; the rest passes.

    Statements that fetch arrays go to the driver directly, so its errors come bare or wrapped by SQLAlchemy.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise _unavailable(error) from error
    except (DBAPIError, psycopg.Error) as error:
        translated = _translate(error)
        if translated is None:
            raise
        raise translated from error


def _translate(error: DBAPIError | psycopg.Error) -> MediaclusterError | None:
    """Our error for one of the driver's; None where it is a fault of the program."""
    bare = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(bare, "sqlstate", None)
    if state in _SCHEMA_STATES:
        return ConfigurationError(
            "The schema of the database is missing or out of date.", hint="Run `mediacluster db migrate`."
        )
    if state == _DISK_FULL:
        return StorageFull("The disk of the database is full.", hint="Free disk space, then try again.")
    if _is_outdated_plan(error):
        return TransactionConflict("The database schema changed during this request.", hint="Try again.")
    if state in _CONFLICT_STATES:
        return TransactionConflict("Another transaction held what this one needed.", hint="Try again.")
    if _is_connection_loss(error, bare, state):
        return _unavailable(bare or error)
    return None


def _is_outdated_plan(error: BaseException | None) -> bool:
    bare = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(bare, psycopg.Error) and bare.diag.source_function == _OUTDATED_PLAN


def _unavailable(reason: BaseException) -> BackendUnavailable:
    return BackendUnavailable(
        "The database cannot be reached.",
        reason=str(reason).strip().partition("\n")[0],
        hint="Check that it is running and that DATABASE_URL is right. `mediacluster doctor` checks everything.",
    )


def _make_engine(database_url: str, pool_size: int, max_overflow: int) -> Engine:
    url = _read_url(database_url)
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        # An error would name them in the log: secrets of webhooks, words of people.
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": "mediacluster", **_KEEPALIVE},
    )


def _read_url(database_url: str) -> URL:
    try:
        url = make_url(sqlalchemy_url(database_url))
    except ArgumentError:
        url = None
    if url is None or url.drivername != "postgresql+psycopg":
        # Not with the URL itself, which may hold a password.
        raise ConfigurationError(
            "DATABASE_URL is not a Postgres URL.",
            hint="Write it like postgresql://user:password@host:5432/database.",
        )
    return url


def _is_connection_loss(error: BaseException, bare: object, state: str | None) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if state is None:  # a connection that never came about, or that is found closed
        # Where a statement was at fault (more parameters than there may be), the connection is as good as before.
        refused = isinstance(error, DBAPIError) and error.statement is not None
        return not refused and isinstance(bare, (psycopg.OperationalError, psycopg.InterfaceError))
    # Class 08, 57P0x, too many connections, and idle_in_transaction_session_timeout.
    return state.startswith(("08", "57P0", "53300", "25P03"))
