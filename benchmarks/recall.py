# ruff: noqa: INP001 - scripts, not a package
"""Recall@10 and latency of `search_media` at each alpha, and of `nominate` with filters, compared with brute force.

    python -m benchmarks.recall --count 100000 --data random --home /tmp/recall

The library is created in a home of its own, by COPY before the indexes, and used again if the home exists.
"""

import argparse
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.features.evaluation import learn_efforts
from backend.features.search import nominate
from backend.rules.search import Filters
from backend.store.engine import Database
from backend.store.search import QueryVectors, match, nearest_exactly, search_media
from benchmarks.frame import Row
from benchmarks.library import SELECTIVITIES, chosen, keyword, media_id, open_library
from benchmarks.vectors import KINDS, Matrix, Vectors, make_vectors

K = 10

Rows = Callable[[Session, Matrix, Matrix, float], list[uuid.UUID]]


@dataclass(frozen=True)
class Line:
    """A line of the table. `ratio` is the median relative to that of brute force in SQL."""

    alpha: float
    selectivity: float
    recall: float
    p50_ms: float
    p95_ms: float
    ratio: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    vectors = make_vectors(options.data, options.count, options.image_dimension, options.text_dimension)
    with open_library(vectors, options.home) as database:
        if options.learn:
            learned = learn_efforts(database)
            sys.stderr.write("".join(f"{one}\n" for one in learned))
        lines = [_measure(database, vectors, options.queries, alpha, 1.0) for alpha in options.alphas]
        lines += [
            _measure(database, vectors, options.queries, alpha, selectivity)
            for selectivity in options.filters
            for alpha in options.filter_alphas
        ]
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


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: by index compared with brute force in SQL, over the library and with filters."""
    vectors = make_vectors("structured", int(10_000 * scale))
    with open_library(vectors, None) as database:
        for selectivity in (1.0, 0.1, 0.01):
            line = _measure(database, vectors, 50, 0.6, selectivity)
            yield Row(
                f"alpha 0.6, {selectivity:.0%} of {len(vectors.images):,} media, p50",
                line.p50_ms,
                "ms",
                "less",
                against="brute force in SQL",
                theirs=line.p50_ms / line.ratio,
                quality="recall@10",
                our_quality=line.recall,
                their_quality=1.0,
                note="generated vectors",
            )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--data", choices=KINDS, default="random")
    parser.add_argument("--image-dimension", type=int, default=512)
    parser.add_argument("--text-dimension", type=int, default=384)
    parser.add_argument("--alphas", type=float, nargs="*", default=[step / 10 for step in range(11)])
    parser.add_argument("--filters", type=float, nargs="*", default=[], choices=SELECTIVITIES)
    parser.add_argument("--filter-alphas", type=float, nargs="*", default=[0.0, 0.6, 1.0])
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--home", type=Path, help="keep the library here, or use the one that is here")
    parser.add_argument(
        "--learn", action="store_true", help="learn the efforts first, as `mediacluster audit --recall` does"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _measure(database: Database, vectors: Vectors, queries: int, alpha: float, selectivity: float) -> Line:
    filters = Filters() if selectivity == 1 else Filters(keywords_any=(keyword(selectivity),))
    allowed = np.flatnonzero(chosen(len(vectors.images), selectivity))

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
    for query in range(queries):
        image, text = vectors.image_queries[query], vectors.text_queries[query]
        best = _best(vectors.combined(query, alpha), allowed)
        found = _timed(database, by_index, image, text, alpha, indexed_ms)
        recalls.append(len(best.intersection(found)) / len(best))
        if len(read_ms) < 5:  # it hardly varies
            _timed(database, by_reading, image, text, alpha, read_ms)
    p50, p95 = np.quantile(indexed_ms, [0.5, 0.95])
    return Line(alpha, selectivity, float(np.mean(recalls)), float(p50), float(p95), float(p50 / np.median(read_ms)))


def _best(combined: NDArray[np.float64], allowed: NDArray[np.int64]) -> set[uuid.UUID]:
    return {media_id(int(row)) for row in allowed[np.argsort(-combined[allowed])[:K]]}


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
