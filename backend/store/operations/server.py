"""Checks of the Postgres server: what it is, whether the SQL functions work in it, and whether a pooler is in front."""

from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.store.engine import libpq_parameters, translated_errors
from backend.store.statements import Statements

_SQL = Statements(__file__)
_ROUNDS = 3
_CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Server:
    """A Postgres server.

    Attributes:
        version: as the server writes it.
        major: 18 for 18.4.
        is_standby: it replays what a primary writes.
        is_read_only: it takes no writes in this session, as a standby.
        shared_buffers, effective_cache_size, maintenance_work_mem: bytes.
        most_connections: those that a role without special rights can open, of all clients together.
        connections: those of all clients now.
        vector_index_bytes: size of the library's HNSW indexes.
    """

    version: str
    major: int
    is_standby: bool
    is_read_only: bool
    shared_buffers: int
    effective_cache_size: int
    maintenance_work_mem: int
    most_connections: int
    connections: int
    vector_index_bytes: int


def read_server(session: Session) -> Server:
    return Server(**session.execute(sa.text(_SQL("read_server"))).one()._asdict())


def try_distance(session: Session) -> None:
    """Compare two vectors, which loads pgvector's library. Raises ConfigurationError at the end of the transaction if it does not work."""
    session.execute(sa.text("SELECT CAST('[1,0]' AS vector) <=> CAST('[0,1]' AS vector)"))


def try_functions(session: Session) -> None:
    """Call the public SQL functions as another client does. They raise what they would raise there."""
    names = session.execute(
        sa.text(
            "SELECT quote_ident(current_schema()) AS schema, quote_ident(nspname) AS extension "
            "FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'vector'"
        )
    ).one()
    session.execute(sa.text("SET LOCAL search_path TO ''"))
    statement = _SQL("try_functions").replace("{schema}", names.schema).replace("{extension}", names.extension)
    session.execute(sa.text(statement)).all()


def shares_sessions(database_url: str) -> bool:
    """Whether a pooler in transaction mode is in front: two clients get the same session, or one client gets two.

    Raises:
        BackendUnavailable: there is no answer.
    """
    parameters = libpq_parameters(database_url) | {"connect_timeout": _CONNECT_SECONDS}
    with (
        translated_errors(),
        psycopg.connect(**parameters, prepare_threshold=None) as one,
        psycopg.connect(**parameters, prepare_threshold=None) as other,
    ):
        seen: dict[psycopg.Connection[tuple[object, ...]], set[int]] = {one: set(), other: set()}
        for number in range(_ROUNDS):
            # In another order each time, as a pooler may hand out its sessions in turn.
            for client in (one, other) if number % 2 else (other, one):
                with client.transaction():
                    ((pid,),) = client.execute("SELECT pg_backend_pid()").fetchall()
                    seen[client].add(int(str(pid)))
    return bool(seen[one] & seen[other]) or any(len(pids) > 1 for pids in seen.values())


def read_identity(session: Session) -> tuple[str, int]:
    """What tells a database of a running server from all others: when the server started, and the number of the database."""
    row = session.execute(
        sa.text(
            "SELECT CAST(pg_postmaster_start_time() AS text) AS started_at, CAST(oid AS bigint) AS number "
            "FROM pg_database WHERE datname = current_database()"
        )
    ).one()
    return row.started_at, row.number
