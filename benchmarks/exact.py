# ruff: noqa: INP001 - scripts, not a package
"""The exact scan of vectors in memory: time of a core for an answer, one at a time and many in a pass, against the scan before it.

    python -m benchmarks.exact --count 100000 --data structured random
    python -m benchmarks.exact --count 14000 --data words
    python -m benchmarks.exact --count 100000 --clients 1 16 --home /tmp/exact

An answer here is the rows that have to be measured, of the ten best of images and texts. All that are among brute force's ten best are counted:
one that is missing ends the run. Both ways take turns, and times are those of the thread, so that other work on the machine counts little. With
`--clients`, each answer is also brought up to date and measured by Postgres, as the service does, by threads that ask without a pause.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.features.search import OwnVectors
from backend.features.search.nomination import nominate_by_scan
from backend.rules.search import BASIS_SAMPLE, Basis, CodedMedia, Filters, Kind, Order, Probe, Weights, reach
from backend.store.engine import forbid_writes
from backend.store.search import ScanKeeper
from benchmarks.former_scan import Codes, measure
from benchmarks.frame import Row
from benchmarks.library import open_library
from benchmarks.packages import PackagesMissing, make_package_vectors
from benchmarks.vectors import KINDS, Vectors, make_vectors

K = 10
_MEDIA, _ALPHA = 20_000, 0.6
_IN_PASS = (1, 16)
_QUERIES, _FORMER_QUERIES, _ROUNDS = 96, 16, 5
_MEMORY_BYTES = 8 * 1024**3

Answer = Callable[[Sequence[int], float], list[NDArray[np.int64]]]


@dataclass(frozen=True)
class Line:
    """Median milliseconds of a core for an answer, and how many rows have to be measured for it."""

    way: str
    alpha: float
    core_ms: float
    measured: float


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`."""
    for kind in KINDS:
        vectors = make_vectors(kind, int(_MEDIA * scale))
        former, *ours = compare(vectors, _ALPHA)
        for line in ours:
            yield Row(
                f"contenders of ten among {len(vectors.images):,}, {line.way}",
                line.core_ms,
                "ms of a core",
                "less",
                "every row whole",
                former.core_ms,
                "to measure",
                line.measured,
                former.measured,
                f"{kind} vectors, alpha {_ALPHA}, none missed",
            )


def compare(vectors: Vectors, alpha: float) -> list[Line]:
    """The former way, and ours with 1 and 16 queries in a pass. Raises SystemExit if one of the best was missed."""
    former = _former(vectors)
    ours = _ours(vectors)
    ways: list[tuple[str, Answer, int, int]] = [("every row whole", former, 1, _FORMER_QUERIES)]
    ways += [(f"{size} in a pass", ours, size, _QUERIES) for size in _IN_PASS]
    times: list[list[float]] = [[] for _ in ways]
    counts: list[list[int]] = [[] for _ in ways]
    for turn in range(_ROUNDS):
        for place, (_, answer, size, queries) in enumerate(ways):
            begun = time.thread_time()
            found = [rows for first in range(0, queries, size) for rows in answer(range(first, first + size), alpha)]
            times[place].append((time.thread_time() - begun) / queries * 1000)
            if turn == 0:
                counts[place] = [len(rows) for rows in found]
                _check(vectors, found, alpha)
    return [
        Line(way, alpha, float(np.median(spent)), float(np.mean(count)))
        for (way, *_), spent, count in zip(ways, times, counts, strict=True)
    ]


def _check(vectors: Vectors, found: list[NDArray[np.int64]], alpha: float) -> None:
    for query, rows in enumerate(found):
        values = vectors.combined(query, alpha)
        missing = set(np.argpartition(-values, K)[:K].tolist()) - set(rows.tolist())
        # Single precision may order those that are equal to seven digits otherwise.
        worst = np.sort(values[rows])[::-1][K - 1]
        if any(values[row] > worst + 1e-5 for row in missing):
            raise SystemExit(f"query {query} misses {missing}")


def _former(vectors: Vectors) -> Answer:
    codes = tuple(Codes.empty(*rows.shape) for rows in (vectors.images, vectors.texts))
    for side, rows in zip(codes, (vectors.images, vectors.texts), strict=True):
        side.write(0, rows)
    everyone = np.ones(len(vectors.images), dtype=np.bool_)
    nothing = np.zeros(len(vectors.images), dtype=np.bool_)

    def answer(queries: Sequence[int], alpha: float) -> list[NDArray[np.int64]]:
        weights = Weights(alpha, 1 - alpha)
        found = []
        for query in queries:
            image = measure(codes[0], vectors.image_queries[query]) if alpha > 0 else None
            text = measure(codes[1], vectors.text_queries[query]) if alpha < 1 else None
            order = Order.over(weights, K, (image, text), everyone, losable=0)
            found.append(order.contenders(nothing, len(everyone)))
        return found

    answer(range(1), 0.5)  # compiles
    return answer


def _ours(vectors: Vectors) -> Answer:
    count = len(vectors.images)
    sample = np.random.default_rng(3).permutation(count)[:BASIS_SAMPLE]
    bases = tuple(Basis.learn(rows[sample], rows.shape[1], count) for rows in (vectors.images, vectors.texts))
    media = CodedMedia.empty(count, (bases[0], bases[1]))
    media.write(0, vectors.images, vectors.texts)
    kinds = np.full(count, Kind.LIVE | Kind.WITH_TEXT, dtype=np.uint8)
    parts = ", ".join(f"{one.head} + {one.middle} of {one.dimension}" for one in bases)
    sys.stderr.write(f"{count:,} media: heads and middles {parts}\n")

    def answer(queries: Sequence[int], alpha: float) -> list[NDArray[np.int64]]:
        weights = Weights(alpha, 1 - alpha)
        probes = [Probe(vectors.image_queries[one], vectors.text_queries[one], weights, K) for one in queries]
        return [one.rows for one in reach(media, kinds, probes) if one is not None]

    answer(range(1), 0.5)
    return answer


def answers_a_second(vectors: Vectors, home: Path, clients: int, alpha: float, seconds: float) -> tuple[float, float]:
    """Rate of exact answers with Postgres, and milliseconds of a core that this process spent on each."""
    with open_library(vectors, home, with_indexes=False) as database:
        scans = ScanKeeper(database, most_bytes=_MEMORY_BYTES)
        scans.refresh()
        counts = [0] * clients

        def ask(client: int, until: float) -> None:
            with database.transaction() as session:
                forbid_writes(session)
                while time.monotonic() < until:
                    query = (client * 61 + counts[client]) % len(vectors.image_queries)
                    image, text = vectors.image_queries[query], vectors.text_queries[query]
                    found = nominate_by_scan(
                        session, image, text, k=K, alpha=alpha, filters=Filters(), exclude=(), scans=OwnVectors(scans)
                    )
                    assert found is not None
                    assert found.certified
                    counts[client] += 1

        ask(0, time.monotonic() + 0.5)
        counts[0] = 0
        begun, spent = time.monotonic(), time.process_time()
        threads = [threading.Thread(target=ask, args=(client, begun + seconds)) for client in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = sum(counts) / (time.monotonic() - begun)
        core_ms = (time.process_time() - spent) / max(sum(counts), 1) * 1000
        scans.close()
    return rate, core_ms


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=_MEDIA)
    parser.add_argument("--data", nargs="+", choices=(*KINDS, "words"), default=("structured",))
    parser.add_argument("--alphas", type=float, nargs="+", default=(0.0, 0.3, 0.6, 0.9, 1.0))
    parser.add_argument("--clients", type=int, nargs="+", default=())
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--home", type=Path, help="the folder of the libraries for --clients")
    options = parser.parse_args(arguments)
    for kind in options.data:
        try:
            vectors = make_package_vectors(options.count) if kind == "words" else make_vectors(kind, options.count)
        except PackagesMissing as error:
            sys.stderr.write(f"Without words: {error}\n")
            continue
        _print(kind, vectors, options)
    return 0


def _print(kind: str, vectors: Vectors, options: argparse.Namespace) -> None:
    out = sys.stdout.write
    out(
        f"\n{kind}, {len(vectors.images):,} media\n\n| alpha | way | ms of a core | to measure | times as fast |\n|---|---|---|---|---|\n"
    )
    for alpha in options.alphas:
        lines = compare(vectors, alpha)
        for line in lines:
            faster = lines[0].core_ms / line.core_ms
            out(f"| {alpha:g} | {line.way} | {line.core_ms:.2f} | {line.measured:.0f} | {faster:.1f} |\n")
    if options.clients and options.home is not None:
        out("\n| alpha | clients | exact answers a second | ms of a core in this process |\n|---|---|---|---|\n")
        for alpha in options.alphas:
            for clients in options.clients:
                home = options.home / f"{kind}-{options.count}"
                rate, core_ms = answers_a_second(vectors, home, clients, alpha, options.seconds)
                out(f"| {alpha:g} | {clients} | {rate:.0f} | {core_ms:.2f} |\n")


if __name__ == "__main__":
    sys.exit(main())
