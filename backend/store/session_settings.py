"""The settings of a session that decide what statements mean, return or are allowed to take. A role or a database may have any
(`ALTER ROLE … SET`), so each is set to the value that the statements were written for.

Not in the list is what is the administrator's to decide and changes no result: memory, costs of the planner, `synchronous_commit`,
`default_transaction_read_only`.
"""

from typing import Any, Final

import psycopg

from backend.store.statements import Statements

_SQL = Statements(__file__)

PINNED: Final = {
    # What values look like: psycopg reads dates in ISO style only, and fewer digits lose bits of a number.
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    # What statements mean.
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "gin_fuzzy_search_limit": "0",  # others return a random part of what an index finds
    # How long things may take. Where it matters, a transaction sets its own limit.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""Setting and value, in every transaction. `search_path` too, which depends on the database."""

FIND_SEARCH_PATH: Final = _SQL("find_search_path")
"""The query for `search_path`, with one value: identifiers in the syntax of `SET search_path`."""

_WITH_TRANSACTION_TIMEOUT: Final = 170000


def read_search_path(connection: psycopg.Connection[Any]) -> str:
    """The schemas that statements name things in."""
    ((search_path,),) = connection.execute(FIND_SEARCH_PATH.encode()).fetchall()
    return str(search_path)


def pin_session(connection: psycopg.Connection[Any]) -> None:
    """Set `PINNED` and the search path for as long as the connection lasts. It is in autocommit mode."""
    connection.execute(_statements(connection, "SET", read_search_path(connection)))


def statements_for_transactions(connection: psycopg.Connection[Any]) -> str:
    """The statements that set `PINNED` and the search path for one transaction. None of them takes a snapshot.

    Behind a pooler, the session belongs to other clients too: what they have set in it does not count.
    """
    with connection.transaction():
        connection.execute(b"SET LOCAL search_path TO DEFAULT")
        search_path = read_search_path(connection)
    return _statements(connection, "SET LOCAL", search_path).decode()


def _statements(connection: psycopg.Connection[Any], command: str, search_path: str) -> bytes:
    values = {name: f"'{value}'" for name, value in PINNED.items()} | {"search_path": search_path}
    if connection.info.server_version >= _WITH_TRANSACTION_TIMEOUT:
        values["transaction_timeout"] = "'0'"
    return "; ".join(f"{command} {name} TO {value}" for name, value in values.items()).encode()
