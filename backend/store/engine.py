"""Connections and transactions. `Database.transaction()` is the only place that commits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from backend.errors import (
    BackendUnavailable,
    ConfigurationError,
    DatabaseReadOnly,
    MediaclusterError,
    StorageFull,
    TransactionConflict,
)
from backend.store.arrays import register_arrays
from backend.store.session_settings import pin_session, statements_for_transactions
from backend.store.statements import Statements

# `Session` is exported so that other packages can name the type without importing SQLAlchemy.
__all__ = [
    "MINIMUM_POSTGRES_VERSION",
    "MINIMUM_VECTOR_VERSION",
    "Database",
    "PoolFigures",
    "Pooler",
    "ReadPoint",
    "Session",
    "Snapshot",
    "begin_reading",
    "begin_snapshot",
    "broken_constraints_as_conflicts",
    "forbid_writes",
    "is_read_only",
    "libpq_parameters",
    "libpq_string",
    "limit_idling",
    "read_point",
    "sees_what_others_see",
    "sqlalchemy_url",
    "translated_errors",
]

MINIMUM_VECTOR_VERSION = (0, 8, 4)
MINIMUM_POSTGRES_VERSION = 15
# undefined_table, undefined_column, undefined_function, undefined_object (a type)
_SCHEMA_STATES = frozenset({"42P01", "42703", "42883", "42704"})
# serialization_failure, deadlock_detected, lock_not_available: nothing was changed, and a retry may succeed.
_CONFLICT_STATES = frozenset({"40001", "40P01", "55P03"})
_BY_STATE: Final[dict[str, tuple[type[MediaclusterError], str, str]]] = {
    **dict.fromkeys(
        _SCHEMA_STATES,
        (ConfigurationError, "The schema of the database is missing or out of date.", "Run `mediacluster db migrate`."),
    ),
    **dict.fromkeys(
        _CONFLICT_STATES, (TransactionConflict, "Another transaction held what this one needed.", "Try again.")
    ),
    "42501": (
        ConfigurationError,
        "The role in DATABASE_URL lacks a privilege.",
        "Connect as the owner of the library's tables, or ask an administrator for the privilege.",
    ),
    # undefined_file: the extension is there, but its library is not, as after an upgrade of the server without that of pgvector.
    "58P01": (
        ConfigurationError,
        "The server cannot load pgvector.",
        "Install pgvector for this version of Postgres on the server, then try again.",
    ),
    "53100": (StorageFull, "The disk of the database is full.", "Free disk space, then try again."),
    "25006": (
        DatabaseReadOnly,
        "The database takes no writes: it is a standby, or its administrator has made it read-only.",
        "Send changes to a server whose DATABASE_URL names the primary.",
    ),
}
"""Error, detail and hint for states of Postgres."""
# The server function that detects a prepared statement whose column types have changed. Its error code is only
# feature_not_supported, and its message may be in any language.
_OUTDATED_PLAN = "RevalidateCachedQuery"
Pooler = Literal["none", "transaction"]
"""What is between this process and the server: nothing that it notices (`none`, as a pooler in session mode), or a pooler that gives each
transaction another session."""

_SQL = Statements(__file__)
_SEES_WHAT_OTHERS_SEE = "sees_what_others_see"
_READ_POINT_KEY = "read_point"
# Detects a silent peer (a pulled cable, a frozen host) within a minute.
_KEEPALIVE = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 50_000}


def sqlalchemy_url(database_url: str) -> str:
    """Convert a libpq URL (`postgres://`, `postgresql://`) to SQLAlchemy's form for psycopg 3."""
    scheme, separator, rest = database_url.partition("://")
    if separator and scheme in {"postgres", "postgresql"}:
        return f"postgresql+psycopg://{rest}"
    return database_url


def libpq_parameters(database_url: str) -> dict[str, Any]:
    """The libpq parameters of a URL."""
    return conninfo_to_dict(database_url.replace("postgresql+psycopg://", "postgresql://", 1))


def libpq_string(parameters: dict[str, Any]) -> str:
    """The parameters as a connection string, for programs of Postgres."""
    return make_conninfo("", **parameters)


@dataclass(frozen=True)
class PoolFigures:
    """Numbers of connections of a pool, in use and idle."""

    in_use: int
    idle: int


class Database:
    """A connection pool for one database. Share it between threads, and create it after a fork.

    Requests hold a connection for milliseconds, so five serve the forty threads of a server. Ten more are opened for bursts and closed
    afterwards. With at most fifteen per process, six processes fit in Postgres' default of a hundred.
    """

    def __init__(
        self,
        database_url: str,
        *,
        pooler: Pooler = "none",
        direct_url: str | None = None,
        pool_size: int = 5,
        max_overflow: int = 10,
    ) -> None:
        """`direct_url` is the address of the same database past the pooler: see `direct`."""
        self.url = database_url
        self.pooler = pooler
        self._direct_url = direct_url
        self._max_overflow = max_overflow
        self.engine = _make_engine(database_url, pooler, pool_size, max_overflow)
        self._disposals = 0
        event.listen(self.engine, "connect", self._begin_connection)
        event.listen(self.engine, "checkin", self._end_connection)
        if pooler == "transaction":
            event.listen(self.engine, "begin", _pin_transaction)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._before_dispose: list[Callable[[], None]] = []

    @cached_property
    def direct(self) -> "Database":
        """The same database for what needs a session of its own: locks that outlive a transaction, client programs of Postgres.

        Raises:
            ConfigurationError: there is a pooler, and no address past it.
        """
        if self._direct_url is not None:
            direct = Database(self._direct_url, pool_size=1, max_overflow=4)
            self.before_dispose(direct.dispose)
            return direct
        if self.pooler == "transaction":
            raise ConfigurationError(
                "This needs a session of its own, and the pooler gives each transaction another one.",
                hint="Set MEDIACLUSTER_DIRECT_DATABASE_URL to the address of the server itself.",
            )
        return self

    def with_one_connection(self) -> "Database":
        """The same database with a connection beside this pool, for long work in the background."""
        return Database(self.url, pooler=self.pooler, pool_size=1, max_overflow=0)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session in a transaction. Commits at the end; rolls back on any error.

        Raises:
            ConfigurationError: the schema is missing or older than this code.
            StorageFull: the disk of the server is full.
            TransactionConflict: another transaction conflicts.
            DatabaseReadOnly: the server takes no writes, as a standby.
            BackendUnavailable: the server cannot be reached, or the connection broke. If it broke during the commit, the outcome is
                unknown: read the row by id before a retry.
        """
        try:
            with translated_errors(), self._sessions.begin() as session:
                yield session
        except (TransactionConflict, ConfigurationError) as error:
            # All connections have the outdated plan, or the search path from before pgvector was moved. Drop them, or each would fail once.
            if _is_outdated_plan(error.__cause__) or _state_of(error.__cause__) in _SCHEMA_STATES:
                self._drop_connections()
            raise

    @property
    def most_connections(self) -> int:
        """The most connections that this pool opens."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool.size() + self._max_overflow

    def pool_figures(self) -> PoolFigures:
        """Numbers of connections of this process."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return PoolFigures(in_use=pool.checkedout(), idle=pool.checkedin())

    def dispose(self) -> None:
        """End background work, and close all connections. Those in use are closed when they are returned."""
        for end in self._before_dispose:
            end()
        self._drop_connections()

    def before_dispose(self, end: Callable[[], None]) -> None:
        """Register a function to call before connections are closed."""
        self._before_dispose.append(end)

    def _drop_connections(self) -> None:
        """Close all connections. Those in use are closed when they are returned."""
        self._disposals += 1
        self.engine.dispose()

    def _begin_connection(self, connection: psycopg.Connection[Any], record: ConnectionPoolEntry) -> None:
        record.info["disposals"] = self._disposals
        try:
            if self.pooler == "transaction":
                statements = statements_for_transactions(connection)
                with connection.transaction():
                    connection.execute(statements.encode())
                    record.info["knows_vectors"] = register_arrays(connection)
                record.info["pins"] = statements
                return
            connection.autocommit = True
            pin_session(connection)
            record.info["knows_vectors"] = register_arrays(connection)
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise

    def _end_connection(self, connection: psycopg.Connection[Any] | None, record: ConnectionPoolEntry) -> None:
        # Close it instead of returning it to the pool, if the pool was disposed of meanwhile, or if the connection is older than the first
        # migration and does not know the vector types.
        if connection is not None and (record.info["disposals"] != self._disposals or not record.info["knows_vectors"]):
            connection.close()


def _pin_transaction(connection: Connection) -> None:
    connection.exec_driver_sql(connection.connection.info["pins"])


def limit_idling(session: Session, seconds: float) -> None:
    """End this transaction, and release its locks, if the process is idle in it for `seconds` (0: never)."""
    session.execute(
        text("SELECT set_config('idle_in_transaction_session_timeout', :limit, true)"),
        {"limit": f"{int(seconds * 1000)}ms"},
    )


def begin_snapshot(session: Session) -> None:
    """Give all statements of this transaction, which must be new, the same snapshot."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


@dataclass(frozen=True)
class Snapshot:
    """Transactions whose rows were seen: all below `next_id` except those in progress (pg_snapshot of Postgres). On a standby, which does not
    know those in progress, `next_id` is the oldest that may be: rows of later ones are read again, and known ones are skipped.

    Attributes:
        next_id: the first transaction that had not begun.
        in_progress: those before it that had not ended.
        server: what tells the database and its running server from all others. '' if unknown.
    """

    next_id: int
    in_progress: tuple[int, ...]
    server: str = ""

    @classmethod
    def read(cls, words: str, server: str) -> "Snapshot":
        """Parse a pg_snapshot: xmin:xmax:xip,..."""
        _, next_id, in_progress = words.split(":")
        return cls(int(next_id), tuple(int(one) for one in in_progress.split(",") if one), server)

    def is_of_database(self, other: "Snapshot") -> bool:
        """Whether both are of one database, before and after restarts of its server. One that was dropped and made again is another."""
        return self.server.rpartition("/")[2] == other.server.rpartition("/")[2]

    def covers(self, other: "Snapshot") -> bool:
        """Whether this one has seen all that the other has seen. Never true for another server, whose numbers mean something else."""
        if not self.server or self.server != other.server or self.next_id < other.next_id:
            return False
        unseen = {one for one in self.in_progress if one < other.next_id}
        return unseen <= set(other.in_progress)


@dataclass(frozen=True)
class ReadPoint:
    """What a transaction sees.

    Attributes:
        snapshot: at least this.
        is_plain: whether it sees what any other transaction that begins now sees: it has written nothing, and has no snapshot of its own.
    """

    snapshot: Snapshot
    is_plain: bool


def read_point(session: Session) -> ReadPoint:
    """What this transaction sees. Costs a statement, except after `forbid_writes`."""
    known = session.info.get(_READ_POINT_KEY)
    return known if isinstance(known, ReadPoint) else _read_point(session, forbid=False)


def _read_point(session: Session, *, forbid: bool) -> ReadPoint:
    row = session.execute(text(_SQL("read_point")), {"forbid": forbid}).one()
    return ReadPoint(Snapshot.read(row.snapshot, row.server), bool(row.is_plain))


def forbid_writes(session: Session) -> None:
    """Make this transaction read-only from here on."""
    point = _read_point(session, forbid=True)
    session.info[_READ_POINT_KEY] = point
    session.info[_SEES_WHAT_OTHERS_SEE] = point.is_plain


def begin_reading(session: Session) -> None:
    """Like `forbid_writes`, without a statement: for a transaction that has not begun yet, and of which the caller knows that it only reads."""
    session.info[_SEES_WHAT_OTHERS_SEE] = True


def sees_what_others_see(session: Session) -> bool:
    """Whether any other transaction that begins now reads the same: writes are forbidden in this one (`forbid_writes`), it has written nothing
    before, and it has no snapshot of its own."""
    return bool(session.info.get(_SEES_WHAT_OTHERS_SEE))


def is_read_only(session: Session) -> bool:
    """Whether this transaction may not write: on a standby, where an administrator has forbidden it, or after `forbid_writes`."""
    return bool(session.execute(text("SELECT CAST(current_setting('transaction_read_only') AS boolean)")).scalar_one())


@contextmanager
def broken_constraints_as_conflicts() -> Iterator[None]:
    """Raise TransactionConflict for a violated constraint. For writers whose rows refer to rows that others may delete or insert
    meanwhile: a retry reads them again."""
    try:
        yield
    except (IntegrityError, psycopg.IntegrityError) as error:
        raise TransactionConflict("Another transaction changed what this one refers to.", hint="Try again.") from error


@contextmanager
def translated_errors() -> Iterator[None]:
    """Convert driver errors about a missing schema or an unavailable server to our errors. Others pass.

    Statements that fetch arrays use the driver directly, so its errors come bare or wrapped by SQLAlchemy.
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
    """Our error for a driver error, None for a bug in the program."""
    bare = error.orig if isinstance(error, DBAPIError) else error
    state = _state_of(error)
    if state in _BY_STATE:
        kind, detail, hint = _BY_STATE[state]
        return kind(detail, hint=hint, reason=_first_line(bare or error))
    if _is_outdated_plan(error):
        return TransactionConflict("The database schema changed during this request.", hint="Try again.")
    if _is_connection_loss(error, bare, state):
        return _unavailable(bare or error)
    return None


def _state_of(error: BaseException | None) -> str | None:
    bare = error.orig if isinstance(error, DBAPIError) else error
    return bare.sqlstate if isinstance(bare, psycopg.Error) else None


def _is_outdated_plan(error: BaseException | None) -> bool:
    bare = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(bare, psycopg.Error) and bare.diag.source_function == _OUTDATED_PLAN


def _unavailable(reason: BaseException) -> BackendUnavailable:
    return BackendUnavailable(
        "The database cannot be reached.",
        reason=_first_line(reason),
        hint="Check that it is running and that DATABASE_URL is right. `mediacluster doctor` checks everything.",
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _make_engine(database_url: str, pooler: Pooler, pool_size: int, max_overflow: int) -> Engine:
    url = _read_url(database_url)
    # A prepared statement lives in a session. In another client's, it is missing or stands for something else.
    prepare = {"prepare_threshold": None} if pooler == "transaction" else {}
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        # Errors would otherwise show parameters in the log, such as secrets of webhooks and users' texts.
        hide_parameters=True,
        # Named in each BEGIN, as a role may have another default.
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": 5,
            "application_name": "mediacluster",
            "client_encoding": "UTF8",
            **_KEEPALIVE,
            **prepare,
        },
    )


def _read_url(database_url: str) -> URL:
    try:
        url = make_url(sqlalchemy_url(database_url))
    except ArgumentError:
        url = None
    if url is None or url.drivername != "postgresql+psycopg":
        # Not with the URL, which may contain a password.
        raise ConfigurationError(
            "DATABASE_URL is not a Postgres URL.",
            hint="Write it like postgresql://user:password@host:5432/database.",
        )
    return url


def _is_connection_loss(error: BaseException, bare: object, state: str | None) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if state is None:  # the connection failed, or was found closed
        # If a statement was refused (for example for too many parameters), the connection is fine.
        refused = isinstance(error, DBAPIError) and error.statement is not None
        return not refused and isinstance(bare, (psycopg.OperationalError, psycopg.InterfaceError))
    # Class 08, 57P0x, too many connections, and idle_in_transaction_session_timeout.
    return state.startswith(("08", "57P0", "53300", "25P03"))
