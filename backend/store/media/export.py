"""Queries for exports: the pictures of a space with text, group and vectors, or without vectors, in upload order."""

import os.path
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from psycopg.rows import dict_row, namedtuple_row
from sqlalchemy.orm import Session

from backend.files.text import WORDS, MediaText
from backend.store.arrays import as_psycopg, fetch_arrays, get_driver
from backend.store.engine import limit_idling
from backend.store.statements import Statements

_SQL = Statements(__file__)
_ROWS: Final = 1024
# Columns of variable length, and the text that each becomes.
_WIDE: Final = {name: name for name in ("path", "file_name", *WORDS, "taken_at_source", "cluster_label")} | {
    "keywords": "array_to_string(keywords, ', ')"
}


def count_exported(session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> int:
    """Number of pictures that `iterate_exported` yields."""
    statement = f"SELECT count(*) AS media FROM ({_SQL('list_exported')}) AS exported"  # noqa: S608 - a file of ours
    return int(fetch_arrays(session, statement, _parameters(space_id, clusters, keywords))[0].media)


def get_widths(session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> dict[str, int]:
    """The length in characters of the longest value of each column that has no fixed one, by the name of the column; of keywords
    it is that of all joined. `.npz` files need these for their fixed-width columns.
    """
    widths = ", ".join(f"coalesce(max(char_length({value})), 0) AS {name}" for name, value in _WIDE.items())
    statement = f"SELECT {widths} FROM ({_SQL('list_exported')}) AS exported"  # noqa: S608 - a file of ours
    return dict(fetch_arrays(session, statement, _parameters(space_id, clusters, keywords))[0]._asdict())


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


@dataclass(frozen=True, slots=True)
class DescribedPicture:
    """What a sidecar says of a picture, and where it was imported from.

    Attributes:
        id: its id.
        text: its words and its moment.
        label: the label of its group; '' if it has none.
        source_uri: the path or address that it came from.
        file_name: the name of its file; '' if it is not known.
        folders: the folders that it was in.
        sha256: the digest of its original; None if it has none.
        byte_size: the size of its original.
    """

    id: uuid.UUID
    text: MediaText
    label: str
    source_uri: str | None
    file_name: str
    folders: tuple[str, ...]
    sha256: bytes | None
    byte_size: int | None


def count_described(session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> int:
    """Number of pictures that `iterate_described` yields."""
    statement = f"SELECT count(*) AS media FROM ({_SQL('list_described')}) AS described"  # noqa: S608 - a file of ours
    return int(fetch_arrays(session, statement, _parameters(space_id, clusters, keywords))[0].media)


def iterate_described(
    session: Session, space_id: int, clusters: Sequence[int], keywords: Sequence[str]
) -> Iterator[DescribedPicture]:
    """Yield pictures through a server-side cursor, in upload order. Those without a group are among them, unless groups are named."""
    limit_idling(session, 0)  # writing files may take long
    statement = as_psycopg(f"{_SQL('list_described')} ORDER BY media.upload_seq")
    with get_driver(session).cursor(name="described", row_factory=namedtuple_row) as cursor:
        cursor.execute(statement.encode(), _parameters(space_id, clusters, keywords), binary=True)
        while rows := cursor.fetchmany(_ROWS):
            row: Any
            for row in rows:
                yield DescribedPicture(
                    row.id,
                    MediaText.of(row),
                    row.cluster_label,
                    row.source_uri,
                    row.file_name,
                    tuple(row.folders),
                    row.sha256,
                    row.byte_size,
                )


def find_common_folder(session: Session) -> str | None:
    """The folder that all pictures with a path are in, however deep; None if there are none."""
    (row,) = fetch_arrays(session, _SQL("find_span"), {})
    # All paths lie between these two, so they begin with what these have in common.
    ends = [PurePosixPath(path).parent for path in (row.first, row.last) if path is not None]
    return os.path.commonpath(ends) if ends else None


def _parameters(space_id: int, clusters: Sequence[int], keywords: Sequence[str]) -> dict[str, Any]:
    return {"space": space_id, "clusters": list(clusters), "keywords": list(keywords)}
