"""Bulk import of pictures with their embeddings, by binary COPY, and building of the indexes afterwards."""

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from psycopg.copy import LibpqWriter
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from backend.errors import StorageFull
from backend.files.text import MediaText
from backend.store.arrays import get_driver
from backend.store.engine import limit_idling
from backend.store.media import StoredPicture, imported_columns, media_columns, next_upload_seq
from backend.store.schema import Media, Space
from backend.store.spaces.spaces import list_spaces

_MEDIA: Final = (
    *("id", "file_name", "source", "source_uri", "status", "upload_seq", "embedded_at"),
    *(one.name for value in (MediaText, StoredPicture) for one in fields(value)),
)
_COPY_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END: Final = b"\xff\xff"
# The same for every row, so it is encoded once.
_NO_EXIF: Final = Jsonb({}, dumps=lambda _: "{}")
_NO_WARNINGS: Final = Jsonb([], dumps=lambda _: "[]")
_BATCH_ROWS: Final = 1024
# While an index is built, HNSW keeps its vectors in memory, and a graph of about this size per row.
_GRAPH_BYTES: Final = 500
_LEAST_MEMORY, _MOST_MEMORY = 64 << 20, 8 << 30
# The indexes that `create_space_indexes` creates.
INDEX_KINDS: Final = ("image_hnsw", "text_hnsw", "fused_hnsw", "caption_hnsw", "textless_hnsw", "textless_idx")


@dataclass(frozen=True)
class BulkMedia:
    """A picture with external embeddings. `picture` is None if its original is not available."""

    id: uuid.UUID
    source_uri: str | None
    file_name: str
    text: MediaText
    picture: StoredPicture | None
    place: Mapping[str, Any] = field(default_factory=dict)
    """Coordinates under their names in `exif`, for one without a picture: otherwise they are in its `exif`."""


@dataclass(frozen=True, eq=False)
class BulkSide:
    """Unit vectors (n, d), and which pictures have one (n,)."""

    vectors: NDArray[np.float32]
    present: NDArray[np.bool_]


def hold_upload_order(session: Session) -> None:
    """Block other uploads until the transaction ends, so that what is read after this does not change."""
    next_upload_seq(session)


def find_present(session: Session, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these pictures exist."""
    return set(session.scalars(sa.text("SELECT id FROM media WHERE id = ANY(:ids)"), {"ids": list(ids)}))


def copy_embedded(session: Session, space_id: int, media: Sequence[BulkMedia], sides: Mapping[str, BulkSide]) -> None:
    """Insert pictures as embedded, in order, with their vectors by side (image, text, caption). Requires `hold_upload_order`."""
    _copy_media(session, media)
    image = sides["image"]
    assert image.present.all()
    ids = np.array([[one.id.int >> 64, one.id.int & (1 << 64) - 1] for one in media], dtype=np.uint64).reshape(-1, 2)
    columns = [(name, sides[name]) for name in ("text", "caption")]
    statement = "COPY embedding (space_id, media_id, image_embedding, text_embedding, caption_embedding) FROM STDIN (FORMAT BINARY)"
    cursor = get_driver(session).cursor()
    with cursor.copy(statement, writer=LibpqWriter(cursor)) as copy:
        copy.write(_COPY_BEGIN)
        # COPY rows with the same layout together: one layout per combination of existing sides.
        kinds = sum(side.present.astype(np.int64) << index for index, (_, side) in enumerate(columns))
        for kind in np.unique(kinds):
            rows = np.flatnonzero(kinds == kind)
            there = [bool(kind >> index & 1) for index in range(len(columns))]
            layout = _layout([image.vectors.shape[1], *(side.vectors.shape[1] for _, side in columns)], [True, *there])
            for start in range(0, len(rows), _BATCH_ROWS):
                some = rows[start : start + _BATCH_ROWS]
                vectors = [image.vectors[some], *(side.vectors[some] for _, side in columns)]
                copy.write(_rows(layout, space_id, ids[some], vectors).tobytes())
        copy.write(_COPY_END)


def _copy_media(session: Session, media: Sequence[BulkMedia]) -> None:
    sequence = session.scalars(
        sa.text("SELECT nextval('media_upload_seq') FROM generate_series(1, :count)"), {"count": len(media)}
    ).all()
    now = session.execute(sa.select(sa.func.now())).scalar_one()
    columns, dialect = Media.__table__.columns, session.get_bind().dialect
    statement = f"COPY media ({', '.join(_MEDIA)}) FROM STDIN (FORMAT BINARY)"
    with get_driver(session).cursor().copy(statement) as copy:
        copy.set_types([str(columns[name].type.compile(dialect)).lower() for name in _MEDIA])
        for one, seq in zip(media, sorted(sequence), strict=True):
            values: dict[str, Any] = dict.fromkeys(_MEDIA) | media_columns(one.text)
            if one.picture is not None:
                values |= vars(one.picture)
            values |= {
                "exif": Jsonb(exif) if (exif := one.place if one.picture is None else one.picture.exif) else _NO_EXIF,
                "warnings": Jsonb(one.picture.warnings) if one.picture and one.picture.warnings else _NO_WARNINGS,
                "id": one.id,
                "file_name": one.file_name,
                "source_uri": one.source_uri,
            } | imported_columns(seq, now)
            copy.write_row([values[name] for name in _MEDIA])


def _layout(dimensions: Iterable[int], there: Sequence[bool]) -> np.dtype[Any]:
    """A row of COPY BINARY, with each vector as pgvector sends it: dimension, unused, single-precision numbers."""
    fields: list[Any] = [
        *[("fields", ">i2"), ("space_length", ">i4"), ("space", ">i4")],
        *[("id_length", ">i4"), ("id_high", ">u8"), ("id_low", ">u8")],
    ]
    for index, (dimension, is_there) in enumerate(zip(dimensions, there, strict=True)):
        fields.append((f"length{index}", ">i4"))
        if is_there:
            fields += [(f"dimension{index}", ">i2"), (f"unused{index}", ">i2"), (f"vector{index}", ">f4", dimension)]
    return np.dtype(fields)


def _rows(layout: np.dtype[Any], space_id: int, ids: NDArray[np.uint64], vectors: list[NDArray[np.float32]]) -> Any:
    rows = np.zeros(len(ids), layout)
    rows["fields"], rows["space_length"], rows["space"], rows["id_length"] = 2 + len(vectors), 4, space_id, 16
    rows["id_high"], rows["id_low"] = ids[:, 0], ids[:, 1]
    for index, values in enumerate(vectors):
        dimension = values.shape[1]
        if f"vector{index}" in (layout.names or ()):
            rows[f"length{index}"], rows[f"dimension{index}"] = 4 + 4 * dimension, dimension
            rows[f"vector{index}"] = values
        else:
            rows[f"length{index}"] = -1
    return rows


# --- indexes -------------------------------------------------------------------------------------------------


def drop_vector_indexes_of_empty(session: Session, space_id: int) -> bool:
    """Drop the vector indexes of an empty space. Returns False, without changes, if the space contains vectors."""
    partition = _partition(space_id)
    session.execute(sa.text(f"LOCK TABLE {partition} IN ACCESS EXCLUSIVE MODE"))
    if session.execute(sa.text(f"SELECT EXISTS (SELECT FROM {partition})")).scalar_one():  # noqa: S608 - a number
        return False
    for name in _indexes(session, partition):
        session.execute(sa.text(f"DROP INDEX {name}"))
    return True


def list_missing_vector_indexes(session: Session, space_id: int) -> list[str]:
    """Vector indexes that a space lacks, because an import was interrupted or somebody dropped them."""
    partition = _partition(space_id)
    there = set(_indexes(session, partition))
    return [name for kind in INDEX_KINDS if (name := f"{partition}_{kind}") not in there]


def list_spaces_without_indexes(session: Session) -> list[str]:
    """Names of the spaces that lack vector indexes."""
    return [space.name for space in list_spaces(session) if list_missing_vector_indexes(session, space.id)]


def build_vector_indexes(session: Session, space: Space) -> None:
    """Build all indexes of a space again, in parallel and with memory for the largest, as far as available. The space is locked for
    writing until the transaction ends."""
    for kind in INDEX_KINDS:
        session.execute(sa.text(f"DROP INDEX IF EXISTS {_partition(space.id)}_{kind}"))
    rows = session.execute(sa.text(f"SELECT count(*) FROM {_partition(space.id)}")).scalar_one()  # noqa: S608 - a number
    memory = index_memory_bytes(rows, space.image_dimension + space.text_dimension, _memory_available())
    limit_idling(session, 0)
    session.execute(
        sa.text("SELECT set_config('maintenance_work_mem', :memory, true)"), {"memory": f"{memory >> 10}kB"}
    )
    try:
        with session.begin_nested():
            _build(session, space, workers=max((os.cpu_count() or 1) - 1, 0))
    except (sa.exc.DBAPIError, StorageFull) as error:
        # Parallel workers share memory in /dev/shm, which is limited to 64 MB in a container by default.
        if "shared memory" not in str(error):
            raise
        _build(session, space, workers=0)


def index_memory_bytes(rows: int, dimension: int, available_bytes: int) -> int:
    """Memory for building an index of this many vectors, between 64 MiB and a quarter of what is available (at most 8 GiB)."""
    wanted = rows * (4 * dimension + _GRAPH_BYTES)
    return max(_LEAST_MEMORY, min(wanted, available_bytes // 4, _MOST_MEMORY))


def _build(session: Session, space: Space, *, workers: int) -> None:
    session.execute(
        sa.text("SELECT set_config('max_parallel_maintenance_workers', :workers, true)"), {"workers": str(workers)}
    )
    session.execute(
        sa.text("SELECT create_space_indexes(:id, :image, :text)"),
        {"id": space.id, "image": space.image_dimension, "text": space.text_dimension},
    )


def analyze(session: Session) -> None:
    """Update the planner's statistics."""
    for table in ("media", "embedding"):
        session.execute(sa.text(f"ANALYZE {table}"))


def _indexes(session: Session, partition: str) -> list[str]:
    """The indexes that `create_space_indexes` creates, without those that partitions inherit."""
    names = sa.text(
        "SELECT indexname FROM pg_indexes WHERE tablename = :partition AND indexname !~ '_(pkey|written_by_idx)$'"
    )
    return list(session.execute(names, {"partition": partition}).scalars())


def _partition(space_id: int) -> str:
    return f"embedding_{space_id:d}"


def _memory_available() -> int:
    import psutil

    return int(psutil.virtual_memory().available)
