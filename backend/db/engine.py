"""Connections and transactions. `Database.transaction()` is the only place that commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from backend.db.arrays import register_arrays
from backend.errors import BackendUnavailable, ConfigurationError, StorageFull

MINIMUM_VECTOR_VERSION = (0, 8, 4)
# undefined_table, undefined_column, undefined_function
_SCHEMA_STATES = {"42P01", "42703", "42883"}
_DISK_FULL = "53100"


def sqlalchemy_url(database_url: str) -> str:
    """Turn a libpq URL (`postgres://`, `postgresql://`) into the one that SQLAlchemy wants for psycopg 3."""
    scheme, separator, rest = database_url.partition("://")
    if separator and scheme in {"postgres", "postgresql"}:
        return f"postgresql+psycopg://{rest}"
    return database_url


class Database:
    """One pool of connections to one database; share it between threads, make it after a fork."""

    def __init__(self, database_url: str, *, pool_size: int = 5, max_overflow: int = 10) -> None:
        self.url = database_url
        self.engine = _make_engine(database_url, pool_size, max_overflow)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Begin, hand out a session, commit; on any error roll back and raise.

        Raises:
            ConfigurationError: the schema is missing or older than this code.
            StorageFull: the server's disk is.
            BackendUnavailable: the server cannot be reached or the connection broke. Where it broke during the
                commit the outcome is unknown: read again by id before repeating.
        """
        with translated_errors(), self._sessions.begin() as session:
            yield session

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the driver says of a missing schema or an absent server into our errors; the rest passes."""
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in _SCHEMA_STATES:
            raise
        raise ConfigurationError(
            "The schema of the database is missing or out of date.", hint="Run `mediacluster db migrate`."
        ) from error
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _DISK_FULL:
            raise StorageFull("The disk of the database is full.", hint="Make room, then try again.") from error
        if isinstance(error, DBAPIError) and not _is_connection_loss(error):
            raise
        reason = str(getattr(error, "orig", error)).strip().partition("\n")[0]
        raise BackendUnavailable(
            f"The database cannot be reached: {reason}.",
            hint="Check that it runs and that DATABASE_URL is right; `mediacluster doctor` looks at everything.",
        ) from error


def _make_engine(database_url: str, pool_size: int, max_overflow: int) -> Engine:
    url = _read_url(database_url)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        # An error would name them in the log: secrets of webhooks, words of people.
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": "mediacluster"},
    )

    @event.listens_for(engine, "connect")
    def _register(connection: psycopg.Connection[Any], _record: object) -> None:
        register_arrays(connection)

    return engine


def _read_url(database_url: str) -> URL:
    try:
        url = make_url(sqlalchemy_url(database_url))
    except ArgumentError:
        url = None
    if url is None or url.drivername != "postgresql+psycopg":
        # Not with the URL itself, which may hold a password.
        raise ConfigurationError(
            "DATABASE_URL is not the URL of a Postgres.",
            hint="Write it like postgresql://user:password@host:5432/database.",
        )
    return url


def _is_connection_loss(error: DBAPIError) -> bool:
    # Class 08 and 57P0x; a connection that never came about has no SQLSTATE at all.
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(("08", "57P0", "53300"))
