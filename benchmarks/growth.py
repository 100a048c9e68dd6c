# ruff: noqa: INP001 - scripts, not a package
"""How cost grows with the library: copying in, building indexes, assigning through Postgres, and searching, fitted as n to a power."""

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import sqlalchemy as sa

from backend.bootstrap import build_services
from backend.db.bulk import drop_vector_indexes_of_empty
from backend.db.embeddings import search_media
from backend.db.engine import Database
from backend.pipeline.assign import Assigner
from backend.settings import load_settings
from benchmarks.frame import Row
from benchmarks.transfer import build, copy_all, make_media, make_space, open_home, timed
from benchmarks.vectors import Vectors, make_vectors

_COUNTS = (500, 2_000, 8_000)
_QUERIES, _ALPHA, _K = 60, 0.6, 10


@dataclass(frozen=True)
class Cost:
    """What a library of `media` costs: per media where that is said, for one query otherwise."""

    media: int
    clusters: int
    copy_ms: float
    index_ms: float
    assign_ms: float
    search_ms: float
    recall: float


_MEASURED = {
    "copy_ms": "copying one media in, no indexes",
    "index_ms": "building the indexes, a media",
    "assign_ms": "assigning one media, through Postgres",
    "search_ms": "one fused query, alpha 0.6, median",
}


def run(scale: float) -> Iterator[Row]:
    """Each size is a library of its own, on a server of its own."""
    costs = [_measure(int(count * scale)) for count in _COUNTS]
    for cost in costs:
        sys.stderr.write(f"{asdict(cost)}\n")
    sizes = np.log([cost.media for cost in costs])
    for field, what in _MEASURED.items():
        values = [getattr(cost, field) for cost in costs]
        slope = float(np.polyfit(sizes, np.log(values), 1)[0])
        note = ", ".join(f"{cost.media:,}: {value:.3g} ms" for cost, value in zip(costs, values, strict=True))
        if field == "assign_ms":
            note += "; clusters " + ", ".join(f"{cost.clusters:,}" for cost in costs)
        recall = {"quality": "recall@10", "our_quality": costs[-1].recall} if field == "search_ms" else {}
        yield Row(what, values[-1], "ms", "less", note=f"n^{slope:.2f}; {note}; generated vectors", **recall)  # type: ignore[arg-type]


def _measure(count: int) -> Cost:
    vectors = make_vectors("structured", count)
    with open_home() as (home, database):
        space = make_space(database, 1)
        with database.transaction() as session:
            assert drop_vector_indexes_of_empty(session, space.id)
        media = make_media(len(vectors.images))
        copied = timed(lambda: copy_all(database, space, vectors, media))
        indexed = timed(lambda: build(database, space))
        services = build_services(load_settings(_env_file=None, home=home))
        assigned = timed(lambda: Assigner(services, space).assign_waiting())
        services.database.dispose()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM ANALYZE"))
            clusters = connection.execute(sa.text("SELECT count(*) FROM cluster")).scalar_one()
        search, recall = _search(database, vectors)
    each = 1000 / count
    return Cost(count, clusters, copied * each, indexed * each, assigned * each, search, recall)


def _search(database: Database, vectors: Vectors) -> tuple[float, float]:
    """Median milliseconds, and the share of the true ten; by what media are called, which is their row."""
    with database.transaction() as session:
        row_of = {
            one: int(uri.rpartition("/")[2].partition(".")[0])
            for one, uri in session.execute(sa.text("SELECT id, source_uri FROM media"))
        }
    times, found = [], []
    for query in range(_QUERIES):
        begun = time.perf_counter()
        with database.transaction() as session:
            hits = search_media(session, vectors.image_queries[query], vectors.text_queries[query], _K, _ALPHA)
        times.append((time.perf_counter() - begun) * 1000)
        best = np.argsort(-vectors.combined(query, _ALPHA))[:_K]
        found.append(len({row_of[hit.media_id] for hit in hits} & {int(row) for row in best}) / _K)
    return float(np.median(times[5:])), float(np.mean(found))


if __name__ == "__main__":
    for row in run(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0):
        sys.stdout.write(f"{row.what}: {row.ours:.3g} ms; {row.note} {row.our_quality or ''}\n")
