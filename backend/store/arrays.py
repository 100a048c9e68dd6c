"""Binary transfer of vectors and double-precision arrays between Postgres and numpy."""

import re
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format
from psycopg.rows import namedtuple_row
from psycopg.types import TypeInfo
from sqlalchemy import ARRAY, ColumnElement, any_, literal, text
from sqlalchemy.orm import InstrumentedAttribute, Session

_FLOAT8_OID = 701
_FLOAT8_ARRAY_OID = 1022
_FLOAT8_ITEM = np.dtype([("length", ">i4"), ("value", ">f8")])
_UUID_OID = 2950
_UUID_ARRAY_OID = 2951
_UUID_ITEM = np.dtype([("length", ">i4"), ("value", "V16")])
_ARRAY_HEADER = np.dtype(">i4")
_ARRAY_BYTES = 20  # numbers of dimensions, flags, type, length, first index
_NULL_ITEM = b"\xff\xff\xff\xff"  # a length of -1
_COPY_HEADER_BYTES = 19  # signature, flags, length of the header extension
_COPY_BLOCK_BYTES = 16 * 1024 * 1024
_LEAST_ALPHA = 1e-12
_TOKEN = re.compile(
    r"""
    --[^\n]* | /\*.*?\*/                                  # comments
    | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$  # literals, quoted names
    | ::                                                  # casts
    | (?<!\w):(?P<name>[A-Za-z_]\w*)
    | %
    """,
    re.VERBOSE | re.DOTALL,
)


class DoubleArray:
    """Passes a float64 array (n,) as a `double precision[]` parameter. Plain arrays become `vector`."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = values


class _DoubleArrayDumper(Dumper):
    format = Format.BINARY
    oid = _FLOAT8_ARRAY_OID

    def dump(self, obj: DoubleArray) -> Buffer:
        items = np.empty(len(obj.values), dtype=_FLOAT8_ITEM)
        items["length"] = 8
        items["value"] = obj.values
        header = np.array([1, 0, _FLOAT8_OID, len(obj.values), 1], dtype=_ARRAY_HEADER)
        return header.tobytes() + items.tobytes()


class UuidArray:
    """Passes packed ids (n,), 16 bytes each (V16), as a `uuid[]` parameter, without a Python object per id."""

    def __init__(self, ids: NDArray[np.void]) -> None:
        self.ids = ids


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = _UUID_ARRAY_OID

    def dump(self, obj: UuidArray) -> Buffer:
        items = np.empty(len(obj.ids), dtype=_UUID_ITEM)
        items["length"] = 16
        items["value"] = obj.ids
        header = np.array([1, 0, _UUID_OID, len(obj.ids), 1], dtype=_ARRAY_HEADER)
        return header.tobytes() + items.tobytes()


class VectorArray:
    """Passes vectors of one dimension as a `vector[]` parameter, None as NULL, without a Python object per number."""

    def __init__(self, vectors: Sequence[NDArray[np.float32] | None]) -> None:
        self.vectors = vectors


class _VectorArrayDumper(Dumper):
    """A base class: the type's ids differ between databases."""

    format = Format.BINARY
    item_oid: int

    def dump(self, obj: VectorArray) -> Buffer:
        parts = [np.array([1, 1, self.item_oid, len(obj.vectors), 1], dtype=_ARRAY_HEADER).tobytes()]
        for vector in obj.vectors:
            if vector is None:
                parts.append(_NULL_ITEM)
            else:
                parts += [struct.pack(">iHH", 4 + 4 * len(vector), len(vector), 0), vector.astype(">f4").tobytes()]
        return b"".join(parts)


class _DoubleArrayLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float64]:
        if len(data) < _ARRAY_BYTES:  # an empty array has no dimension, and no length of one
            return np.empty(0)
        items = np.frombuffer(data, dtype=_FLOAT8_ITEM, offset=_ARRAY_BYTES)
        return items["value"].astype(np.float64)


class _VectorLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float32]:
        return np.frombuffer(data, dtype=">f4", offset=4).astype(np.float32)


def register_arrays(connection: psycopg.Connection[Any]) -> bool:
    """Register our array types on a connection, which finds pgvector on its search path. Returns False if the extension is not installed,
    as before the first migration."""
    info = TypeInfo.fetch(connection, "vector")
    if info is None:
        return False
    register_vector(connection)
    connection.adapters.register_loader(info.oid, _VectorLoader)
    connection.adapters.register_dumper(DoubleArray, _DoubleArrayDumper)
    connection.adapters.register_dumper(UuidArray, _UuidArrayDumper)
    ids = {"oid": info.array_oid, "item_oid": info.oid}
    connection.adapters.register_dumper(VectorArray, type("_VectorArrayDumper", (_VectorArrayDumper,), ids))
    connection.adapters.register_loader(_FLOAT8_ARRAY_OID, _DoubleArrayLoader)
    return True


def as_weight(alpha: float) -> float:
    """A weight that Postgres can multiply with: products that underflow are errors there. For 0 it returns the smallest usable weight, so
    that the image similarity decides between equal sums."""
    return 0.0 if 0 < alpha < _LEAST_ALPHA else alpha


def is_among(column: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a column has one of these values, with a single array parameter. IN takes one parameter per value, and a statement can have
    at most 65,535."""
    return column == any_(literal(list(values), ARRAY(column.type)))


@lru_cache(maxsize=1024)
def as_psycopg(statement: str) -> str:
    """Convert a statement to psycopg's syntax: `%(name)s` for `:name`, and `%%` for other `%`. Casts, literals and comments are kept."""
    return _TOKEN.sub(_translate, statement)


def _translate(token: re.Match[str]) -> str:
    if name := token["name"]:
        return f"%({name})s"
    return token[0].replace("%", "%%")


def get_driver(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection of the session's transaction, for what SQLAlchemy cannot do."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def fetch_arrays(
    session: Session, statement: str, parameters: Mapping[str, Any] | None = None, *, prepare: bool | None = None
) -> list[Any]:
    """Run a statement in the session's transaction. Rows are named tuples with vectors as numpy arrays, received in binary.

    `prepare` False plans for the given parameters each time. By default, frequent statements get a generic plan.
    """
    with get_driver(session).cursor(binary=True, row_factory=namedtuple_row) as cursor:
        cursor.execute(as_psycopg(statement).encode(), parameters or {}, prepare=prepare)
        return cursor.fetchall()


def copy_records(
    session: Session, query: str, parameters: Mapping[str, Any], record: np.dtype[np.void]
) -> Iterator[NDArray[np.void]]:
    """Yield the rows of a query in blocks, by COPY, without a Python object per row. All rows must have the same length.

    `record` is a row in the binary format of COPY: a count of fields (>i2), and before each field its length (>i4).
    """
    most = max(1, _COPY_BLOCK_BYTES // record.itemsize) * record.itemsize
    pending: list[bytes] = []
    size, skip = 0, _COPY_HEADER_BYTES
    statement = f"COPY ({as_psycopg(query)}) TO STDOUT (FORMAT BINARY)"
    # COPY takes no parameters, so this cursor interpolates them.
    with (
        psycopg.ClientCursor(get_driver(session)) as cursor,
        cursor.copy(statement.encode(), parameters) as copy,
    ):
        for piece in copy:
            pending.append(bytes(piece)[skip:])
            size += len(pending[-1])
            skip = 0
            if size >= most:
                block = b"".join(pending)
                yield np.frombuffer(block, dtype=record, count=most // record.itemsize)
                pending = [block[most:]]
                size = len(pending[0])
    # The end marker follows the last row.
    if size >= record.itemsize:
        yield np.frombuffer(b"".join(pending), dtype=record, count=size // record.itemsize)


def execute_many(session: Session, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement for many rows in one round trip (pipeline mode of psycopg)."""
    if not rows:
        return
    with get_driver(session).cursor() as cursor:
        cursor.executemany(as_psycopg(statement).encode(), rows)


def run_statement(session: Session, statement: str, parameters: Mapping[str, Any]) -> None:
    """Run a statement without result in the session's transaction."""
    with get_driver(session).cursor() as cursor:
        cursor.execute(as_psycopg(statement).encode(), parameters)


def next_values(session: Session, sequence: str, count: int) -> list[int]:
    """The next values of a sequence, ascending."""
    rows = session.execute(
        text("SELECT nextval(CAST(:sequence AS regclass)) FROM generate_series(1, :count)"),
        {"sequence": sequence, "count": count},
    )
    return sorted(rows.scalars())
