"""Queries of backup and restore: one snapshot to copy, and a database without a library to restore into."""

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

# What is there before the first upload, or is about the people and programs of a server and not about its media.
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


def get_postgres_major(session: Session) -> int:
    """The major version of the server."""
    return int(session.execute(sa.text("SELECT current_setting('server_version_num')")).scalar_one()) // _MAJOR


def list_contents(session: Session) -> list[str]:
    """What a restore would destroy, by name: relations of somebody else, and tables with rows of a library.

    A schema that was migrated and never used is nothing, and so is what its servers and workers note by themselves. Who may
    come in (accounts, keys) is no library either: a restore brings its own.
    """
    relations = set(session.execute(sa.text(_SQL("list_relations"))).scalars())
    foreign = sorted(relations - _OUR_RELATIONS)
    own = [name for name in Base.metadata.tables if name in relations and name not in _BESIDE_A_LIBRARY]
    filled = [name for name in own if session.execute(sa.text(f"SELECT EXISTS (SELECT FROM {name})")).scalar_one()]  # noqa: S608
    return foreign + filled


def lock_schema(session: Session) -> None:
    """Let nobody read or write a table of ours until this transaction ends. Raises TransactionConflict: it is in use."""
    ours = ", ".join(
        name for name in session.execute(sa.text(_SQL("list_relations"))).scalars() if name in Base.metadata.tables
    )
    if ours:
        session.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_PATIENCE}'"))
        session.execute(sa.text(f"LOCK TABLE {ours} IN ACCESS EXCLUSIVE MODE"))


def drop_schema(session: Session) -> None:
    """Take away all that the migrations made, of whichever version they were. The extension stays."""
    names = {"tables": [*Base.metadata.tables, "alembic_version"], "sequences": list(_SEQUENCES)}
    for statement in session.execute(sa.text(_SQL("list_drops")), names).scalars().all():
        session.execute(sa.text(statement))
