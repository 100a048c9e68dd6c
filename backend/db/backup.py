"""Queries of backup and restore: one snapshot to copy, and whether a database is empty."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.migration import MigrationContext
from sqlalchemy.orm import Session

from backend.db.tables import Media
from backend.errors import ConfigurationError

_COUNTED = ("media", "space", "embedding", "cluster", "membership", "cluster_event", "webhook")
_PAGE_ROWS = 1000
_MAJOR = 10_000


@dataclass(frozen=True)
class Snapshot:
    """A moment of the database that others can look at while the transaction lasts; `rows` counts by table."""

    name: str
    schema_revision: str
    postgres_major: int
    rows: dict[str, int]
    originals: int


def open_snapshot(session: Session) -> Snapshot:
    """Make this transaction, which has to be new, look at one moment, and name it for `pg_dump --snapshot`.

    Raises:
        ConfigurationError: there is no library in this database.
    """
    connection = session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        raise ConfigurationError(
            "There is no library in this database.", hint="Check MEDIACLUSTER_HOME or DATABASE_URL."
        )
    session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # pg_dump may take long
    name = session.execute(sa.text("SELECT pg_export_snapshot()")).scalar_one()
    rows = {table: int(session.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()) for table in _COUNTED}  # noqa: S608
    originals = session.execute(
        sa.select(sa.func.count()).select_from(Media).where(Media.original_key.is_not(None))
    ).scalar_one()
    return Snapshot(name, revision, get_postgres_major(session), rows, originals)


def list_originals(session: Session) -> Iterator[tuple[bytes, str]]:
    """Checksum and key of every original, by checksum; a page of them in memory."""
    after = b""
    while page := session.execute(
        sa.select(Media.sha256, Media.original_key)
        .where(Media.original_key.is_not(None), Media.sha256 > after)
        .order_by(Media.sha256)
        .limit(_PAGE_ROWS)
    ).all():
        for sha256, key in page:
            if sha256 is not None and key is not None:
                after = sha256
                yield sha256, key


def find_media_id(session: Session, sha256: bytes) -> uuid.UUID | None:
    return session.scalar(sa.select(Media.id).where(Media.sha256 == sha256))


def get_postgres_major(session: Session) -> int:
    """The major version of the server."""
    return int(session.execute(sa.text("SELECT current_setting('server_version_num')")).scalar_one()) // _MAJOR


def count_relations(session: Session) -> int:
    """Tables, views and sequences that belong to no extension and not to Postgres itself."""
    return int(
        session.execute(
            sa.text(
                "SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
                "WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND nspname NOT IN ('pg_catalog', 'information_schema') "
                "AND nspname !~ '^pg_(toast|temp)' AND NOT EXISTS (SELECT FROM pg_depend "
                "WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')"
            )
        ).scalar_one()
    )
