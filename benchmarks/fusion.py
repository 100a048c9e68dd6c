# ruff: noqa: INP001 - scripts, not a package
"""Recall@10 and latency of fused search at each alpha, compared with other methods on the same vectors in one run.

    python -m benchmarks.fusion                      # 20,000 media
    python -m benchmarks.fusion --media 100000 --home /tmp/fusion

Ours are the SQL function `search_media`, and `nominate`, which the API uses. The others are the union of each leg's nearest 50,
100 and 400, re-ranked exactly (SQL, on the same indexes); brute force in numpy; and milvus-lite's hybrid search with its weighted
ranker, if it is installed (dependency group `peers`).
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.frame import Row
from benchmarks.library import open_library
from benchmarks.peers import (
    Find,
    MilvusMissing,
    by_nominate,
    by_numpy,
    by_search_media,
    by_union,
    open_milvus,
)
from benchmarks.vectors import KINDS, Vectors, make_vectors

K = 10
ALPHAS = [step / 10 for step in range(11)]
UNION_SIZES = (50, 100, 400)
MILVUS_SIZES = (100, 400)
_WARM_UP = 3


@dataclass(frozen=True)
class Line:
    """Result of one method. `recall` is the share of brute force's best ten that was found; times are of single queries."""

    kind: str
    method: str
    alpha: float
    recall: float
    p50_ms: float
    p95_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    lines = [line for kind in options.data for line in _compare(kind, options)]
    if options.json:
        sys.stdout.write(json.dumps([asdict(line) for line in lines], indent=2) + "\n")
        return 0
    for kind in options.data:
        sys.stdout.write(
            f"{options.media:,} media, {kind}, {options.queries} queries a cell: recall@10, p50 / p95 ms\n\n"
        )
        sys.stdout.write(_table([line for line in lines if line.kind == kind], options.alphas) + "\n")
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: the API's search compared with each other method, over five alphas."""
    options = _parse(["--media", str(int(5_000 * scale)), "--queries", "20", "--alphas", "0", "0.3", "0.6", "0.9", "1"])
    ways = _summarise(list(_compare("structured", options)))
    ours = ways.pop("nominate")
    for name, theirs in ways.items():
        yield Row(
            f"fused query, {options.media:,} media, p50 over all alphas",
            ours.p50_ms,
            "ms",
            "less",
            against=name,
            theirs=theirs.p50_ms,
            quality="least recall@10",
            our_quality=ours.recall,
            their_quality=theirs.recall,
            note="generated vectors",
        )


def _summarise(lines: list[Line]) -> dict[str, Line]:
    """One line per method: mean times and smallest recall over the alphas."""
    ways = {}
    for name in dict.fromkeys(line.method for line in lines):
        own = [line for line in lines if line.method == name]
        recall = min(line.recall for line in own)
        p50, p95 = (float(np.mean([getattr(line, field) for line in own])) for field in ("p50_ms", "p95_ms"))
        ways[name] = Line(own[0].kind, name, float("nan"), recall, p50, p95)
    return ways


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=int, default=20_000)
    parser.add_argument("--data", choices=KINDS, nargs="*", default=list(KINDS))
    parser.add_argument("--alphas", type=float, nargs="*", default=ALPHAS)
    parser.add_argument("--queries", type=int, default=50, help="that are not among the media, up to 1,000")
    parser.add_argument("--image-dimension", type=int, default=512)
    parser.add_argument("--text-dimension", type=int, default=384)
    parser.add_argument("--home", type=Path, help="keep the libraries in this folder, or use those that are there")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _compare(kind: str, options: argparse.Namespace) -> Iterator[Line]:
    vectors = make_vectors(kind, options.media, options.image_dimension, options.text_dimension)
    with ExitStack() as stack:
        methods = _methods(stack, vectors, None if options.home is None else options.home / kind)
        for alpha in options.alphas:
            best = [_best(vectors, query, alpha) for query in range(options.queries)]
            for name, find in methods.items():
                yield _measure(kind, name, find, alpha, best)


def _methods(stack: ExitStack, vectors: Vectors, home: Path | None) -> dict[str, Find]:
    database = stack.enter_context(open_library(vectors, home))
    methods = {
        "search_media": by_search_media(database, vectors),
        "nominate": by_nominate(database, vectors),
        **{f"union of {size}": by_union(database, vectors, size) for size in UNION_SIZES},
        "numpy": by_numpy(vectors),
    }
    try:
        by_milvus = stack.enter_context(open_milvus(vectors))
    except MilvusMissing as missing:
        sys.stderr.write(f"Without Milvus Lite: {missing}\n")
        return methods
    return methods | {f"Milvus Lite, {size} a leg": by_milvus(size) for size in MILVUS_SIZES}


def _best(vectors: Vectors, query: int, alpha: float) -> set[int]:
    return {int(row) for row in np.argsort(-vectors.combined(query, alpha), kind="stable")[:K]}


def _measure(kind: str, method: str, find: Find, alpha: float, best: list[set[int]]) -> Line:
    for query in range(min(_WARM_UP, len(best))):
        find(query, alpha, K)
    recalls, times_ms = [], []
    for query, wanted in enumerate(best):
        begun = time.perf_counter()
        found = find(query, alpha, K)
        times_ms.append((time.perf_counter() - begun) * 1000)
        recalls.append(len(wanted.intersection(found)) / len(wanted))
    p50, p95 = np.quantile(times_ms, [0.5, 0.95])
    return Line(kind, method, alpha, float(np.mean(recalls)), float(p50), float(p95))


def _table(lines: list[Line], alphas: list[float]) -> str:
    names = list(dict.fromkeys(line.method for line in lines))
    cells = {(line.method, line.alpha): f"{line.recall:.3f}, {line.p50_ms:.0f} / {line.p95_ms:.0f}" for line in lines}
    rows = [["alpha", *names], ["---"] * (1 + len(names))]
    rows += [[f"{alpha:g}", *(cells[name, alpha] for name in names)] for alpha in alphas]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
