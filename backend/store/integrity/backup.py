"""Queries of backup and restore: a snapshot to copy, and checks of the target database."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import ConfigurationError
from backend.store.migrate import current_revision
from backend.store.schema import Base, Media
from backend.store.statements import Statements

_COUNTED = ("media", "space", "embedding", "cluster", "membership", "cluster_event", "webhook")
_PAGE_ROWS = 1000
_MAJOR = 10_000
_LOCK_PATIENCE = "10s"

# Tables that servers and workers fill before the first upload, or that are about users and programs rather than pictures; and
# media_reading, which has rows only where media has.
_BESIDE_A_LIBRARY = frozenset(
    {
        "account",
        "account_session",
        "api_key",
        "audit_log",
        "encoder_holder",
        "idempotency_key",
        "login_attempt",
        "login_link",
        "media_reading",
        "operations_sample",
        "pause",
        "review_refresh",
        "space",
        "worker_heartbeat",
    }
)
_SEQUENCES = ("media_upload_seq", "membership_assign_seq")
_OUR_RELATIONS = frozenset({*Base.metadata.tables, "alembic_version", "media_embedding", *_SEQUENCES})
_SQL = Statements(__file__)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of the database that other connections can use while the transaction lasts. `rows` are counts by table."""

    name: str
    schema_revision: str
    postgres_major: int
    rows: dict[str, int]
    originals: int


def open_snapshot(session: Session) -> Snapshot:
    """Give this transaction, which must be new, a snapshot, and export it for `pg_dump --snapshot`.

    Raises:
        ConfigurationError: this database contains no library.
    """
    connection = session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    revision = current_revision(connection)
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
    """Yield checksum and key of every original, by checksum, reading a page at a time."""
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


def get_postgres_major(session: Session) -> int:
    """The major version of the server."""
    return int(session.execute(sa.text("SELECT current_setting('server_version_num')")).scalar_one()) // _MAJOR


def list_contents(session: Session) -> list[str]:
    """Names of what a restore would destroy: foreign relations, and tables with rows of a library.

    A schema that was migrated but never used is empty in this sense, even if servers and workers have written rows. Accounts and keys do
    not count either, because the backup contains its own.
    """
    relations = set(session.execute(sa.text(_SQL("list_relations"))).scalars())
    foreign = sorted(relations - _OUR_RELATIONS)
    own = [name for name in Base.metadata.tables if name in relations and name not in _BESIDE_A_LIBRARY]
    filled = [name for name in own if session.execute(sa.text(f"SELECT EXISTS (SELECT FROM {name})")).scalar_one()]  # noqa: S608
    return foreign + filled


@dataclass(frozen=True)
class RestoreTarget:
    """What a restore has to know of a database.

    Attributes:
        vector_schema: the schema of pgvector, as an identifier. None if it is not installed.
        vector_names: names in it that a dump may refer to.
    """

    vector_schema: str | None
    vector_names: list[str]


def read_target(session: Session) -> RestoreTarget:
    return RestoreTarget(**session.execute(sa.text(_SQL("read_target"))).one()._asdict())


def lock_schema(session: Session) -> None:
    """Lock all our tables until this transaction ends. Raises TransactionConflict if they are in use."""
    ours = ", ".join(
        name for name in session.execute(sa.text(_SQL("list_relations"))).scalars() if name in Base.metadata.tables
    )
    if ours:
        session.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_PATIENCE}'"))
        session.execute(sa.text(f"LOCK TABLE {ours} IN ACCESS EXCLUSIVE MODE"))


def drop_schema(session: Session) -> None:
    """Drop everything that migrations of any version created, except the extension."""
    names = {"tables": [*Base.metadata.tables, "alembic_version"], "sequences": list(_SEQUENCES)}
    for statement in session.execute(sa.text(_SQL("list_drops")), names).scalars().all():
        session.execute(sa.text(statement))
