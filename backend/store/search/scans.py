"""Queries of the vector scan: all vectors of a space, new rows, and exact cosines of given pictures."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.store.arrays import UuidArray, VectorArray, copy_records, fetch_arrays
from backend.store.engine import Snapshot
from backend.store.search.candidates import Matching, QueryVectors
from backend.store.statements import Statements

_SQL = Statements(__file__)
_SINCE = """ AND (written_by >= :next_id OR written_by = ANY(:in_progress::bigint[]))
   AND written_by < pg_snapshot_xmax(pg_current_snapshot())::text::bigint"""


@dataclass(frozen=True, eq=False)
class VectorRows:
    """Rows of vectors.

    Attributes:
        ids: (n, 16) uint8.
        written_by: (n,) transactions that wrote the rows, 0 if unknown.
        images: (n, d) image vectors.
        texts: (n, e) text vectors, None if these pictures have no text.
    """

    ids: NDArray[np.uint8]
    written_by: NDArray[np.int64]
    images: NDArray[np.float32]
    texts: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class News:
    """New rows of the active space.

    Attributes:
        space_id: the active space.
        snapshot: the snapshot that was read, as text.
        server: the server that it was read from.
        is_plain: whether the transaction is a plain reader (see the statement).
        rows: new rows, with text and without.
        is_all: whether there were no more than requested.
    """

    space_id: int
    snapshot: str
    server: str
    is_plain: bool
    rows: list[VectorRows]
    is_all: bool


def begin_snapshot(session: Session) -> Snapshot:
    """Give this transaction one snapshot, and return it. Must be called first."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    (row,) = fetch_arrays(session, _SQL("begin_snapshot"))
    return Snapshot.read(row.snapshot, row.server)


def count_vectors(session: Session, space_id: int) -> int:
    rows = fetch_arrays(session, "SELECT count(*) AS media FROM embedding WHERE space_id = :space", {"space": space_id})
    return int(rows[0].media)


def copy_vectors(
    session: Session,
    space_id: int,
    dimensions: tuple[int, int],
    *,
    with_text: bool,
    since: tuple[int, tuple[int, ...]] | None = None,
    share: float = 1.0,
) -> Iterator[VectorRows]:
    """Yield rows of a space in blocks, either with or without text. `since` (next_id, in_progress) restricts them to rows that this
    snapshot did not see, `share` to about this share of them, at random."""
    image_dimension, text_dimension = dimensions
    record = _record(image_dimension, text_dimension if with_text else 0)
    query = _SQL("copy_vectors").format(
        text_column=", text_embedding" if with_text else "",
        null_or_not="NOT NULL" if with_text else "NULL",
        since="" if since is None else _SINCE,
        share="" if share >= 1 else f"TABLESAMPLE BERNOULLI ({100 * share:.6f})",
    )
    parameters: dict[str, Any] = {"space_id": space_id}
    if since is not None:
        next_id, in_progress = since
        parameters |= {"next_id": next_id, "in_progress": list(in_progress)}
    for block in copy_records(session, query, parameters, record):
        yield VectorRows(
            np.ascontiguousarray(block["id"]),
            block["written_by"].astype(np.int64),
            block["image"].astype(np.float32),
            block["text"].astype(np.float32) if with_text else None,
        )


def fetch_news(session: Session, space_id: int, next_id: int, in_progress: tuple[int, ...], most: int) -> News | None:
    """New rows of a space, in one statement. None without an active space."""
    rows = fetch_arrays(
        session,
        _SQL("catch_up"),
        {"space_id": space_id, "next_id": next_id, "in_progress": list(in_progress), "most": most + 1},
    )
    if not rows:
        return None
    seen = rows[0]
    fresh = [row for row in rows if row.media_id is not None]
    parts = [
        [row for row in fresh if row.text_embedding is not None],
        [row for row in fresh if row.text_embedding is None],
    ]
    new = [_stacked(part) for part in parts if part]
    return News(seen.space_id, seen.snapshot, seen.server, seen.is_plain, new, is_all=len(fresh) <= most)


def measure_media(
    session: Session, query: QueryVectors, matching: Matching, ids: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Exact cosines of pictures (n, 16), NaN if a side is missing, and their indexes in the list. Pictures that do not match or no longer
    exist are omitted."""
    rows = fetch_arrays(
        session,
        matching.applied_to(_SQL("measure")),
        matching.parameters | query.parameters() | {"media_ids": [uuid.UUID(bytes=one.tobytes()) for one in ids]},
    )
    return (
        np.array([row.place for row in rows], dtype=np.int64),
        _cosines([row.sim_image for row in rows]),
        _cosines([row.sim_text for row in rows]),
    )


def measure_for_each(
    session: Session, queries: Sequence[QueryVectors], query_of: NDArray[np.int64], ids: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Like `measure_media` without filters, for several queries at once: the picture ids[i] is compared with queries[query_of[i]]."""
    (found,) = fetch_arrays(
        session,
        _SQL("measure_for_each"),
        {
            "images": VectorArray([query.image for query in queries]),
            "texts": VectorArray([query.text for query in queries]),
            "media_ids": UuidArray(np.ascontiguousarray(ids).view("V16").ravel()),
            "queries": (query_of + 1).tolist(),
        },
    )
    return found.places.astype(np.int64), found.sim_images, found.sim_texts


def _cosines(found: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if one is None else one for one in found], dtype=np.float64)


def _record(image_dimension: int, text_dimension: int) -> np.dtype[np.void]:
    """A row in the format of COPY BINARY, with vectors as pgvector sends them."""
    fields: list[Any] = [
        *[("fields", ">i2"), ("id_length", ">i4"), ("id", "u1", 16), ("written_length", ">i4"), ("written_by", ">i8")],
        *[("image_length", ">i4"), ("image_header", ">i4"), ("image", ">f4", image_dimension)],
    ]
    if text_dimension:
        fields += [("text_length", ">i4"), ("text_header", ">i4"), ("text", ">f4", text_dimension)]
    return np.dtype(fields)


def _stacked(rows: list[Any]) -> VectorRows:
    return VectorRows(
        np.frombuffer(b"".join(row.media_id.bytes for row in rows), dtype=np.uint8).reshape(len(rows), 16),
        np.array([row.written_by for row in rows], dtype=np.int64),
        np.stack([row.image_embedding for row in rows]),
        None if rows[0].text_embedding is None else np.stack([row.text_embedding for row in rows]),
    )
