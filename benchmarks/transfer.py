# ruff: noqa: INP001 - scripts, not a package
"""Bulk transfer of embeddings: COPY compared with executemany, indexes built afterwards compared with row by row, the whole import, the export."""

import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from backend.embedded import ensure_servers, stop_servers
from backend.files.text import MediaText
from backend.store.engine import Database
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.migrate import upgrade
from backend.store.schema import Space
from backend.store.spaces import (
    BulkMedia,
    BulkSide,
    NewSpace,
    activate_space,
    build_vector_indexes,
    copy_embedded,
    create_space,
    drop_vector_indexes_of_empty,
    hold_upload_order,
)
from benchmarks.frame import Row
from benchmarks.vectors import Vectors, make_vectors

_MEDIA = 20_000
_ROW_BY_ROW = 1_000
_CHUNK = 4096
_NOTE = "generated vectors, 512 + 384 dimensions"


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: rows per second, on a server of its own."""
    count = int(_MEDIA * scale)
    vectors = make_vectors("structured", count)
    with open_home() as (_, database):
        space = make_space(database, 1)
        few = min(_ROW_BY_ROW, count)
        indexed = few / timed(lambda: _insert(database, space, vectors, few))
        plain_space = make_space(database, 2)
        drop_indexes(database, plain_space)
        plain = few / timed(lambda: _insert(database, plain_space, vectors, few))
        bulk_space = make_space(database, 3)
        drop_indexes(database, bulk_space)
        media = make_media(count)
        copied = count / timed(lambda: copy_all(database, bulk_space, vectors, media))
        yield Row(
            "media and vectors by COPY, no vector indexes",
            copied,
            "rows/s",
            "more",
            "executemany, no indexes",
            plain,
            note=_NOTE,
        )
        seconds = timed(lambda: build(database, bulk_space))
        yield Row(
            "the same and then the indexes",
            count / (count / copied + seconds),
            "rows/s",
            "more",
            "executemany, indexes kept",
            indexed,
            note=f"{count:,} rows here, {few:,} there, where an index grows the slower the larger it is",
        )
        yield Row("building the six indexes", seconds, "s", "less", note=f"{count:,} media")


@contextmanager
def open_home() -> Iterator[tuple[Path, Database]]:
    """A new home with a server of its own and an empty library."""
    home = Path(tempfile.mkdtemp(prefix="mediacluster-benchmark-"))
    home.chmod(0o755)  # the server may run as another user, who needs access
    try:
        url = ensure_servers(home).database_url
        first = Database(url)
        upgrade(first.engine)
        first.dispose()  # this connection is older than the extension
        database = Database(url)
        yield home, database
        database.dispose()
    finally:
        stop_servers(home)
        shutil.rmtree(home, ignore_errors=True)


def make_space(database: Database, number: int) -> Space:
    """Create a space of 512 and 384 dimensions, and activate it."""
    with database.transaction() as session:
        name = f"benchmark {number}"
        space = create_space(session, NewSpace(name, None, "i", "", "t", name, "t", 512, 384, {}))
        activate_space(session, space)
    return space


def drop_indexes(database: Database, space: Space) -> None:
    """Drop the vector indexes of an empty space."""
    with database.transaction() as session:
        assert drop_vector_indexes_of_empty(session, space.id)


def _insert(database: Database, space: Space, vectors: Vectors, count: int) -> None:
    """Insert like the embedding step: pictures first, then their vectors."""
    ids = [uuid.uuid4() for _ in range(count)]
    with database.transaction() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO media (id, source, source_uri, status, upload_seq, embedded_at) "
            "VALUES (%s, 'embeddings', 'x', 'embedded', nextval('media_upload_seq'), now())",
            [(one,) for one in ids],
        )
        embeddings = [NewEmbedding(one, vectors.images[row], vectors.texts[row], None) for row, one in enumerate(ids)]
        insert_embeddings(session, space.id, embeddings)


def make_media(count: int) -> list[BulkMedia]:
    """Pictures without files, named photos/ROW.jpg."""
    nothing = MediaText()
    return [BulkMedia(uuid.uuid4(), f"photos/{row}.jpg", f"{row}.jpg", nothing, None) for row in range(count)]


def copy_all(database: Database, space: Space, vectors: Vectors, media: list[BulkMedia]) -> None:
    """Import all vectors with their pictures, by the product's own COPY."""
    for first in range(0, len(vectors.images), _CHUNK):
        images, texts = vectors.images[first : first + _CHUNK], vectors.texts[first : first + _CHUNK]
        all_, none = np.ones(len(images), np.bool_), np.zeros(len(images), np.bool_)
        with database.transaction() as session:
            hold_upload_order(session)
            sides = {"image": BulkSide(images, all_), "text": BulkSide(texts, all_), "caption": BulkSide(images, none)}
            copy_embedded(session, space.id, media[first : first + _CHUNK], sides)


def build(database: Database, space: Space) -> None:
    with database.transaction() as session:
        build_vector_indexes(session, space)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    for row in run(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0):
        sys.stdout.write(f"{asdict(row)} ratio {row.ratio}\n")
