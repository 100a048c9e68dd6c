# ruff: noqa: INP001 - scripts, not a package
"""Fused search on a server: recall@10, latency and throughput, by vectors in memory and by indexes.

    python -m benchmarks.search --count 100000 --data random structured --home /tmp/search
    python -m benchmarks.search --count 1000000 --data structured --without-indexes --queries 40 --home /tmp/search

Each method is used by one client and by eight at once: `nominate` in this process, and `GET /search` of the whole web application
over HTTP. Compared with brute force: the exact statement in SQL, and numpy over float32 in memory. The library is kept in the folder,
one per kind of data, and used again.
"""

import argparse
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import sqlalchemy as sa

from backend.features.search import OwnVectors, VectorSource, nominate
from backend.rules.search import Filters
from backend.store.engine import Database, forbid_writes
from backend.store.search import QueryVectors, ScanKeeper, match, nearest_exactly
from benchmarks.frame import Row
from benchmarks.library import media_id, open_library
from benchmarks.serving import serving
from benchmarks.vectors import KINDS, Vectors, make_vectors

K = 10
ALPHAS = (0.0, 0.3, 0.6, 0.9, 1.0)
_WARM_UP = 3
_MEMORY_BYTES = 8 * 1024**3
_LOAD_SECONDS = 120

# From the row of a query and alpha to ids, best first.
Search = Callable[[int, float], list[uuid.UUID]]


@dataclass(frozen=True)
class Line:
    """Result of one method. `recall` is the share of brute force's best ten that was found; `a_second` the rate of all clients."""

    kind: str
    way: str
    clients: int
    alpha: float
    recall: float
    p50_ms: float
    p95_ms: float
    a_second: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    lines: list[Line] = []
    for kind in options.data:
        vectors = make_vectors(kind, options.count)
        home = None if options.home is None else options.home / f"{kind}-{options.count}"
        with open_library(vectors, home, with_indexes=not options.without_indexes) as database:
            for name, size in _sizes(database):
                sys.stderr.write(f"{kind}: {name} {size / 1e6:.0f} MB\n")
            for way, search in _ways(
                database, vectors, [way for way in options.ways if way != "indexes" or not options.without_indexes]
            ):
                lines += _measure(kind, way, search, vectors, options)
            if "http" in options.ways:
                with serving(database, memory_bytes=_MEMORY_BYTES) as base_url:
                    ask = _by_http(base_url)
                    _wait_until_loaded(base_url, ask)
                    lines += _measure(kind, "http", ask, vectors, options)
    if options.json:
        sys.stdout.write(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
        return 0
    sys.stdout.write(
        "| data | way | clients | alpha | recall@10 | p50, p95 ms | a second |\n|---|---|---|---|---|---|---|\n"
    )
    for line in lines:
        sys.stdout.write(
            f"| {line.kind} | {line.way} | {line.clients} | {line.alpha:g} | {line.recall:.3f} "
            f"| {line.p50_ms:.1f}, {line.p95_ms:.1f} | {line.a_second:.0f} |\n"
        )
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: vectors in memory compared with the exact statement in SQL and with numpy, on random vectors."""
    vectors = make_vectors("random", int(10_000 * scale))
    options = _parse(["--queries", "30", "--alphas", "0.6", "--clients", "1"])
    with open_library(vectors, None, with_indexes=False) as database:
        (ours, sql, in_numpy) = (
            _measure("random", way, search, vectors, options)[0]
            for way, search in _ways(database, vectors, ("scan", "sql", "numpy"))
        )
    for other, name in ((sql, "the exact statement in SQL"), (in_numpy, "float32 in numpy, four times the memory")):
        yield Row(
            f"alpha 0.6, {len(vectors.images):,} media in random directions, p50",
            ours.p50_ms,
            "ms",
            "less",
            against=name,
            theirs=other.p50_ms,
            quality="recall@10",
            our_quality=ours.recall,
            their_quality=other.recall,
            note="generated vectors",
        )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--data", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS)
    parser.add_argument("--clients", type=int, nargs="+", default=(1, 8))
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--home", type=Path, help="keep the libraries in this folder, or use those that are there")
    parser.add_argument("--without-indexes", action="store_true", help="make none, and leave their way out")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


WAYS = ("scan", "indexes", "http", "sql", "numpy")


def _ways(database: Database, vectors: Vectors, names: Sequence[str]) -> Iterator[tuple[str, Search]]:
    """The methods. Queries are stored pictures, which do not count as hits, so that all methods give the same results."""
    scans = ScanKeeper(database, most_bytes=_MEMORY_BYTES)
    if "scan" in names:
        begun = time.perf_counter()
        scans.refresh()
        seconds = time.perf_counter() - begun
        sys.stderr.write(f"loaded {scans.figures().memory_bytes / 1e6:.0f} MB in {seconds:.1f} s\n")

    def by_nominate(kept: VectorSource | None) -> Search:
        def search(row: int, alpha: float) -> list[uuid.UUID]:
            with database.transaction() as session:
                forbid_writes(session)
                return nominate(
                    session,
                    vectors.images[row],
                    vectors.texts[row],
                    k=K,
                    alpha=alpha,
                    filters=Filters(),
                    exclude=(media_id(row),),
                    scans=kept,
                ).media_ids[:K]

        return search

    def by_sql(row: int, alpha: float) -> list[uuid.UUID]:
        with database.transaction() as session:
            query = QueryVectors(vectors.images[row], vectors.texts[row], alpha)
            return [found.media_id for found in nearest_exactly(session, query, match(exclude=(media_id(row),)), K)]

    def by_numpy(row: int, alpha: float) -> list[uuid.UUID]:
        return [media_id(int(one)) for one in _best(vectors, row, alpha)]

    ways = {"scan": by_nominate(OwnVectors(scans)), "indexes": by_nominate(None), "sql": by_sql, "numpy": by_numpy}
    yield from ((name, ways[name]) for name in names if name in ways)


def _best(vectors: Vectors, row: int, alpha: float) -> list[int]:
    """The ten nearest rows except the row itself, in single precision."""
    combined = np.zeros(len(vectors.images), dtype=np.float32)
    if alpha > 0:
        combined += np.float32(alpha) * (vectors.images @ vectors.images[row])
    if alpha < 1:
        combined += np.float32(1 - alpha) * (vectors.texts @ vectors.texts[row])
    combined[row] = -np.inf
    best = np.argpartition(-combined, K)[:K]
    return [int(one) for one in best[np.argsort(-combined[best])]]


def _measure(kind: str, way: str, search: Search, vectors: Vectors, options: argparse.Namespace) -> list[Line]:
    rows = np.random.default_rng(11).permutation(len(vectors.images))[: options.queries].tolist()
    lines = []
    for alpha in options.alphas:
        truth = {row: {media_id(one) for one in _best(vectors, row, alpha)} for row in rows}
        for row in rows[:_WARM_UP]:
            search(row, alpha)
        for clients in options.clients:
            recalls: list[float] = []
            times_ms: list[float] = []
            begun = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                for row, (found, milliseconds) in zip(
                    rows, pool.map(partial(_timed, search, alpha), rows), strict=True
                ):
                    recalls.append(len(truth[row].intersection(found)) / K)
                    times_ms.append(milliseconds)
            seconds = time.perf_counter() - begun
            p50, p95 = np.quantile(times_ms, [0.5, 0.95])
            recall, a_second = float(np.mean(recalls)), len(rows) / seconds
            lines.append(Line(kind, way, clients, alpha, recall, float(p50), float(p95), a_second))
    return lines


def _timed(search: Search, alpha: float, row: int) -> tuple[list[uuid.UUID], float]:
    begun = time.perf_counter()
    found = search(row, alpha)
    return found, (time.perf_counter() - begun) * 1000


def _by_http(base_url: str) -> Search:
    local = threading.local()

    def ask(row: int, alpha: float) -> list[uuid.UUID]:
        if not hasattr(local, "client"):
            local.client = httpx.Client(base_url=base_url, timeout=60, trust_env=False)
        answer = local.client.get("/search", params={"media_id": str(media_id(row)), "k": K, "alpha": alpha})
        answer.raise_for_status()
        return [uuid.UUID(hit["media_id"]) for hit in answer.json()["hits"]]

    return ask


def _wait_until_loaded(base_url: str, ask: Search) -> None:
    """Wait for the vectors to be loaded, which the first query starts."""
    deadline = time.monotonic() + _LOAD_SECONDS
    while time.monotonic() < deadline:
        ask(0, 0.6)
        if (
            "mediacluster_vector_scan_media 0.0"
            not in httpx.get(f"{base_url}/metrics", timeout=10, trust_env=False).text
        ):
            return
        time.sleep(0.5)
    raise SystemExit("The server did not load its vectors.")


def _sizes(database: Database) -> list[tuple[str, int]]:
    """Sizes of the embeddings and of their indexes."""
    with database.transaction() as session:
        rows = session.execute(
            sa.text(
                "SELECT relname::text, CASE relkind WHEN 'r' THEN pg_table_size(oid) ELSE pg_relation_size(oid) END "
                "FROM pg_class WHERE relname ~ '^embedding_\\d+' AND relkind IN ('r', 'i') "
                "AND pg_relation_size(oid) > 100000 ORDER BY relname"
            )
        )
        return [(row[0], row[1]) for row in rows]


if __name__ == "__main__":
    sys.exit(main())
