# ruff: noqa: INP001 - scripts, not a package
"""A library of given vectors in a home of its own, filled by COPY before its indexes are built."""

import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import NDArray
from psycopg.copy import LibpqWriter
from sqlalchemy.orm import Session

from backend.embedded import ensure_servers, stop_servers
from backend.store.engine import Database
from backend.store.migrate import upgrade
from backend.store.spaces import NewSpace, activate_space, create_space
from benchmarks.vectors import Vectors

SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)
_BATCH = 1000
_IN_GROUP = 10


@contextmanager
def open_library(vectors: Vectors, home: Path | None, *, with_indexes: bool = True) -> Iterator[Database]:
    """Open the library of these vectors. With a home, it is kept and used again by the next run. `with_indexes` builds HNSW indexes, which
    takes most of the time."""
    place = home or Path(tempfile.mkdtemp(prefix="mediacluster-benchmark-"))
    # The server may run as another user, who needs access.
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)
    try:
        database = Database(_open(place, vectors, with_indexes=with_indexes))
        yield database
        database.dispose()
    finally:
        if home is None:
            stop_servers(place)
            shutil.rmtree(place, ignore_errors=True)


def media_id(row: int) -> uuid.UUID:
    """The id of the picture in this row of the vectors."""
    return uuid.UUID(int=row + 1)


def keyword(selectivity: float) -> str:
    """A keyword that about this share of the pictures have."""
    return f"Share{selectivity:g}"


def chosen(count: int, selectivity: float) -> NDArray[np.bool_]:
    """Which pictures have the keyword of a selectivity."""
    if selectivity == 1:
        return np.ones(count, dtype=np.bool_)
    has: NDArray[np.bool_] = np.random.default_rng(int(1 / selectivity)).random(count) < selectivity
    return has


def _open(home: Path, vectors: Vectors, *, with_indexes: bool) -> str:
    url = ensure_servers(home).database_url
    first = Database(url)
    upgrade(first.engine)
    first.dispose()  # this connection is older than the extension
    database = Database(url)
    with database.transaction() as session:
        stored = session.execute(sa.text("SELECT count(*) FROM media_embedding")).scalar_one()
    if stored == 0:
        _fill(database, vectors, with_indexes=with_indexes)
    elif stored != len(vectors.images):
        sys.exit(f"{home} holds {stored} media, not {len(vectors.images)}.")
    database.dispose()
    return url


def _fill(database: Database, vectors: Vectors, *, with_indexes: bool) -> None:
    begun = time.perf_counter()
    dimensions = vectors.images.shape[1], vectors.texts.shape[1]
    with database.transaction() as session:
        space = create_space(session, NewSpace("benchmark", None, "i", "", "t", "i", "t", *dimensions, {}))
        _drop_indexes(session, f"embedding_{space.id}")
        _insert_media(session, len(vectors.images))
        _copy_embeddings(session, space.id, vectors)
        _group_media(session, space.id, len(vectors.images))
        activate_space(session, space)
        if with_indexes:
            session.execute(sa.text("SET LOCAL maintenance_work_mem = '2GB'"))
            session.execute(
                sa.text("SELECT create_space_indexes(:id, :image, :text)"),
                {"id": space.id, "image": dimensions[0], "text": dimensions[1]},
            )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    sys.stderr.write(f"made the library in {time.perf_counter() - begun:.0f} s\n")


def _drop_indexes(session: Session, partition: str) -> None:
    """Drop the indexes that create_space_indexes creates."""
    names = session.execute(
        sa.text(
            "SELECT indexname FROM pg_indexes WHERE tablename = :partition AND indexname !~ '_(pkey|written_by_idx)$'"
        ),
        {"partition": partition},
    ).scalars()
    for name in names.all():
        session.execute(sa.text(f"DROP INDEX {name}"))


def _insert_media(session: Session, count: int) -> None:
    session.execute(
        sa.text(
            "INSERT INTO media (id, sha256, original_key, source, status, upload_seq, embedded_at, ready_at, title, caption) "
            "SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), sha256(CAST(n::text AS bytea)), 'k', 'import', 'ready', n, now(), "
            "now(), 'Picture ' || n, 'A harbour in the evening, ' || n || ' boats' FROM generate_series(1, :count) n"
        ),
        {"count": count},
    )
    for selectivity in SELECTIVITIES:
        ids = [media_id(int(row)) for row in np.flatnonzero(chosen(count, selectivity))]
        session.execute(
            sa.text("UPDATE media SET keywords = keywords || CAST(:keyword AS text) WHERE id = ANY(:ids)"),
            {"keyword": keyword(selectivity), "ids": ids},
        )


def _group_media(session: Session, space_id: int, count: int) -> None:
    """Group consecutive pictures. The groups are arbitrary: search only needs pictures of different groups."""
    session.execute(
        sa.text("INSERT INTO cluster (label) SELECT 'harbour ' || n FROM generate_series(0, :last) n"),
        {"last": count // _IN_GROUP},
    )
    session.execute(
        sa.text(
            "INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder) "
            "SELECT id, (SELECT min(id) FROM cluster) + upload_seq / :in_group, :space, 0.9, 0.82, false FROM media"
        ),
        {"in_group": _IN_GROUP, "space": space_id},
    )


def _copy_embeddings(session: Session, space_id: int, vectors: Vectors) -> None:
    image, text = vectors.images.shape[1], vectors.texts.shape[1]
    # The format of COPY BINARY, with vectors as pgvector sends them.
    row = np.dtype(
        [
            *[("fields", ">i2"), ("space_length", ">i4"), ("space", ">i4")],
            *[("id_length", ">i4"), ("id_high", ">u8"), ("id_low", ">u8")],
            *[("image_length", ">i4"), ("image_dimension", ">i2"), ("image_unused", ">i2"), ("image", ">f4", image)],
            *[("text_length", ">i4"), ("text_dimension", ">i2"), ("text_unused", ">i2"), ("text", ">f4", text)],
        ]
    )
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    cursor = connection.cursor()
    statement = "COPY embedding (space_id, media_id, image_embedding, text_embedding) FROM STDIN (FORMAT BINARY)"
    with cursor.copy(statement, writer=LibpqWriter(cursor)) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for begin in range(0, len(vectors.images), _BATCH):
            images, texts = vectors.images[begin : begin + _BATCH], vectors.texts[begin : begin + _BATCH]
            rows = np.zeros(len(images), row)
            rows["fields"], rows["space_length"], rows["space"], rows["id_length"] = 4, 4, space_id, 16
            rows["id_low"] = np.arange(begin + 1, begin + 1 + len(images))
            rows["image_length"], rows["image_dimension"], rows["image"] = 4 + 4 * image, image, images
            rows["text_length"], rows["text_dimension"], rows["text"] = 4 + 4 * text, text, texts
            copy.write(rows.tobytes())
        copy.write(b"\xff\xff")
