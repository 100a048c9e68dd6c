# ruff: noqa: INP001 - a script, not a package
"""Recall@10 and latency of `search_media` at each alpha, and of `nominate` under filters, against brute force.

    python benchmarks/recall.py --count 100000 --data random --home /tmp/recall

The library is made in a home of its own, by COPY before the indexes, and is used again when the home is there.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import NDArray
from psycopg.copy import LibpqWriter
from sqlalchemy.orm import Session

from backend.db.candidates import QueryVectors, match, nearest_exactly
from backend.db.embeddings import search_media
from backend.db.engine import Database
from backend.db.migrate import upgrade
from backend.db.spaces import NewSpace, activate_space, create_space
from backend.embedded import ensure_servers, stop_servers
from backend.search.candidates import nominate
from backend.search.filters import Filters

K = 10
SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)
_BATCH = 1000
_SPARE = 1000  # vectors of the same kind that are not stored: the queries
_CENTRES, _LATENT, _NOISE = 300, 32, 0.3

Matrix = NDArray[np.float32]
Rows = Callable[[Session, Matrix, Matrix, float], list[uuid.UUID]]


@dataclass(frozen=True)
class Line:
    """One line of the table; `ratio` is the median over that of brute force in SQL."""

    alpha: float
    selectivity: float
    recall: float
    p50_ms: float
    p95_ms: float
    ratio: float


@dataclass(frozen=True)
class Vectors:
    images: Matrix
    texts: Matrix
    image_queries: Matrix
    text_queries: Matrix


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    vectors = _make_vectors(options.data, options.count, options.image_dimension, options.text_dimension)
    home = options.home or Path(tempfile.mkdtemp(prefix="mediacluster-recall-"))
    try:
        database = Database(_open_library(home, vectors))
        lines = [_measure(database, vectors, options.queries, alpha, 1.0) for alpha in options.alphas]
        lines += [
            _measure(database, vectors, options.queries, alpha, selectivity)
            for selectivity in options.filters
            for alpha in options.filter_alphas
        ]
        database.dispose()
    finally:
        if options.home is None:
            stop_servers(home)
            shutil.rmtree(home, ignore_errors=True)
    if options.json:
        sys.stdout.write(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
        return 0
    sys.stdout.write(
        "| alpha | selectivity | recall@10 | p50 ms | p95 ms | p50 / brute force |\n|---|---|---|---|---|---|\n"
    )
    for line in lines:
        sys.stdout.write(
            f"| {line.alpha:g} | {line.selectivity:g} | {line.recall:.3f} | {line.p50_ms:.0f} | {line.p95_ms:.0f} "
            f"| {line.ratio:.2f} |\n"
        )
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--data", choices=("random", "structured"), default="random")
    parser.add_argument("--image-dimension", type=int, default=512)
    parser.add_argument("--text-dimension", type=int, default=384)
    parser.add_argument("--alphas", type=float, nargs="*", default=[step / 10 for step in range(11)])
    parser.add_argument("--filters", type=float, nargs="*", default=[], choices=SELECTIVITIES)
    parser.add_argument("--filter-alphas", type=float, nargs="*", default=[0.0, 0.6, 1.0])
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--home", type=Path, help="keep the library here, or use the one that is here")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


# --- vectors -------------------------------------------------------------------------------------------------


def _make_vectors(data: str, count: int, image_dimension: int, text_dimension: int) -> Vectors:
    """Both sides are independent of each other. random: every direction alike, the worst that an index can meet."""
    generator = np.random.default_rng(7)
    make = _random if data == "random" else _structured
    images, texts = make(count + _SPARE, image_dimension, generator), make(count + _SPARE, text_dimension, generator)
    return Vectors(images[:count], texts[:count], images[count:], texts[count:])


def _random(count: int, dimension: int, generator: np.random.Generator) -> Matrix:
    return _unit(generator.standard_normal((count, dimension), dtype=np.float32))


def _structured(count: int, dimension: int, generator: np.random.Generator) -> Matrix:
    """A mixture in few dimensions, spread linearly over all, with noise: as pictures and words of real libraries are."""
    spread = generator.standard_normal((_LATENT, dimension), dtype=np.float32)
    centres = generator.standard_normal((_CENTRES, _LATENT), dtype=np.float32)
    latent = centres[generator.integers(_CENTRES, size=count)]
    latent = latent + 0.7 * generator.standard_normal((count, _LATENT), dtype=np.float32)
    noise = generator.standard_normal((count, dimension), dtype=np.float32)
    return _unit(_unit(latent @ spread) + _NOISE * _unit(noise))


def _unit(rows: Matrix) -> Matrix:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


# --- library -------------------------------------------------------------------------------------------------


def _open_library(home: Path, vectors: Vectors) -> str:
    url = ensure_servers(home).database_url
    first = Database(url)
    upgrade(first.engine)
    first.dispose()  # its connection was made before the extension was there
    database = Database(url)
    with database.transaction() as session:
        stored = session.execute(sa.text("SELECT count(*) FROM media_embedding")).scalar_one()
    if stored == 0:
        _fill(database, vectors)
    elif stored != len(vectors.images):
        sys.exit(f"{home} holds {stored} media, not {len(vectors.images)}.")
    database.dispose()
    return url


def _fill(database: Database, vectors: Vectors) -> None:
    begun = time.perf_counter()
    dimensions = vectors.images.shape[1], vectors.texts.shape[1]
    with database.transaction() as session:
        space = create_space(session, NewSpace("benchmark", None, "i", "", "t", "i", "t", *dimensions, {}))
        partition = f"embedding_{space.id}"
        for leg in ("image_hnsw", "text_hnsw", "fused_hnsw", "textless_hnsw", "textless_idx"):
            session.execute(sa.text(f"DROP INDEX {partition}_{leg}"))
        _insert_media(session, len(vectors.images))
        _copy_embeddings(session, space.id, vectors)
        activate_space(session, space)
        session.execute(sa.text("SET LOCAL maintenance_work_mem = '2GB'"))
        session.execute(sa.text("SELECT create_space_indexes(:id, :image, :text)"),
                        {"id": space.id, "image": dimensions[0], "text": dimensions[1]})  # fmt: skip
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    sys.stderr.write(f"made the library in {time.perf_counter() - begun:.0f} s\n")


def _keyword(selectivity: float) -> str:
    return f"Share{selectivity:g}"


def _chosen(count: int, selectivity: float) -> NDArray[np.bool_]:
    """Which media have the keyword of a selectivity."""
    if selectivity == 1:
        return np.ones(count, dtype=np.bool_)
    chosen: NDArray[np.bool_] = np.random.default_rng(int(1 / selectivity)).random(count) < selectivity
    return chosen


def _insert_media(session: Session, count: int) -> None:
    session.execute(
        sa.text(
            "INSERT INTO media (id, source, source_uri, status) "
            "SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 'url', 'x', 'fetching' FROM generate_series(1, :count) n"
        ),
        {"count": count},
    )
    _insert_keywords(session, count)


def _insert_keywords(session: Session, count: int) -> None:
    for selectivity in SELECTIVITIES:
        ids = [uuid.UUID(int=int(row) + 1) for row in np.flatnonzero(_chosen(count, selectivity))]
        session.execute(
            sa.text("UPDATE media SET keywords = keywords || CAST(:keyword AS text) WHERE id = ANY(:ids)"),
            {"keyword": _keyword(selectivity), "ids": ids},
        )


def _copy_embeddings(session: Session, space_id: int, vectors: Vectors) -> None:
    image, text = vectors.images.shape[1], vectors.texts.shape[1]
    # The format of COPY BINARY, with a vector as pgvector sends it.
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


# --- measurement ---------------------------------------------------------------------------------------------


def _measure(database: Database, vectors: Vectors, queries: int, alpha: float, selectivity: float) -> Line:
    filters = Filters() if selectivity == 1 else Filters(keywords_any=(_keyword(selectivity),))
    allowed = np.flatnonzero(_chosen(len(vectors.images), selectivity))
    images, texts = vectors.images[allowed], vectors.texts[allowed]

    def by_index(session: Session, image: Matrix, text: Matrix, alpha: float) -> list[uuid.UUID]:
        if filters.is_empty:
            return [hit.media_id for hit in search_media(session, image, text, K, alpha)]
        return nominate(session, image, text, k=K, alpha=alpha, filters=filters).media_ids[:K]

    def by_reading(session: Session, image: Matrix, text: Matrix, alpha: float) -> list[uuid.UUID]:
        rows = nearest_exactly(session, QueryVectors(image, text, alpha), match(**vars(filters)), K)
        return [row.media_id for row in rows]

    recalls: list[float] = []
    indexed_ms: list[float] = []
    read_ms: list[float] = []
    for image, text in zip(vectors.image_queries[:queries], vectors.text_queries[:queries], strict=True):
        combined = alpha * (images @ image) + (1 - alpha) * (texts @ text)
        best = {uuid.UUID(int=int(allowed[place]) + 1) for place in np.argsort(-combined)[:K]}
        found = _timed(database, by_index, image, text, alpha, indexed_ms)
        recalls.append(len(best.intersection(found)) / len(best))
        if len(read_ms) < 5:  # it hardly varies
            _timed(database, by_reading, image, text, alpha, read_ms)
    p50, p95 = np.quantile(indexed_ms, [0.5, 0.95])
    return Line(alpha, selectivity, float(np.mean(recalls)), float(p50), float(p95), float(p50 / np.median(read_ms)))


def _timed(
    database: Database, search: Rows, image: Matrix, text: Matrix, alpha: float, times_ms: list[float]
) -> list[uuid.UUID]:
    with database.transaction() as session:
        begun = time.perf_counter()
        found = search(session, image, text, alpha)
        times_ms.append((time.perf_counter() - begun) * 1000)
    return found


if __name__ == "__main__":
    sys.exit(main())
