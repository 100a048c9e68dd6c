"""Queries for exports: the pictures of a space with text, group and vectors, in upload order."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from psycopg.rows import dict_row
from sqlalchemy.orm import Session

from backend.files.text import WORDS
from backend.store.arrays import as_psycopg, fetch_arrays, get_driver
from backend.store.engine import limit_idling
from backend.store.statements import Statements

_SQL = Statements(__file__)
_ROWS: Final = 1024
# Values of variable length, in the order of `get_widths`.
_WIDE: Final = ("path", *WORDS, "array_to_string(keywords, ', ')", "cluster_label")


def count_exported(session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> int:
    """Number of pictures that `iterate_exported` yields."""
    statement = f"SELECT count(*) AS media FROM ({_SQL('list_exported')}) AS exported"  # noqa: S608 - a file of ours
    return int(fetch_arrays(session, statement, _parameters(space_id, clusters, keywords))[0].media)


def get_widths(session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> list[int]:
    """Length of the longest path, of the longest value of each field in `WORDS`, of the joined keywords, and of the longest label.

    In characters. `.npz` files need these for their fixed-width columns.
    """
    widths = ", ".join(f"coalesce(max(char_length({value})), 0)" for value in _WIDE)
    statement = f"SELECT ARRAY[{widths}] AS widths FROM ({_SQL('list_exported')}) AS exported"  # noqa: S608 - a file of ours
    return list(fetch_arrays(session, statement, _parameters(space_id, clusters, keywords))[0].widths)


def iterate_exported(
    session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]
) -> Iterator[list[dict[str, Any]]]:
    """Yield lists of up to 1,024 rows, each a dict by column name, from a server-side cursor. Vectors are numpy arrays."""
    limit_idling(session, 0)  # reading may take long
    statement = as_psycopg(f"{_SQL('list_exported')} ORDER BY media.upload_seq")
    with get_driver(session).cursor(name="exported", row_factory=dict_row) as cursor:
        cursor.execute(statement.encode(), _parameters(space_id, clusters, keywords), binary=True)
        while rows := cursor.fetchmany(_ROWS):
            yield rows


def _parameters(space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> dict[str, Any]:
    return {"space": space_id, "clusters": list(clusters), "keywords": [word.lower() for word in keywords]}
