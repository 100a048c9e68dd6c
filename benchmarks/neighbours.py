# ruff: noqa: INP001 - scripts, not a package
"""Fused search compared with libraries that keep everything in memory: faiss and hnswlib with fusion in Python, and linear scans.

Each has one index per leg like ours (M 16, efConstruction 64), takes the nearest of both legs and ranks their union exactly. They
answer within the process and persist nothing; ours answers from Postgres, over a connection.
"""

import importlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import Row
from benchmarks.library import open_library
from benchmarks.peers import Find, by_numpy, by_search_media
from benchmarks.vectors import Vectors, make_vectors

_MEDIA, _QUERIES, _ALPHA, _K, _LEG = 5_000, 40, 0.6, 10, 100
_WARM_UP = 3
_PYTHON_QUERIES = 4
_NOTE = f"generated vectors, alpha {_ALPHA}, {_LEG} a leg; theirs in memory"


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`, one per method. Those that are not installed are reported on standard error and omitted."""
    vectors = make_vectors("structured", int(_MEDIA * scale))
    with open_library(vectors, None) as database:
        ours = _measure(by_search_media(database, vectors), vectors, _QUERIES)
    for name, make in _WAYS.items():
        queries = _PYTHON_QUERIES if make is _by_lists else _QUERIES
        try:
            theirs = _measure(make(vectors), vectors, queries)
        except ImportError as error:
            sys.stderr.write(
                f"Without {name}: {error.name} is not installed. uv pip install --group peers brings it.\n"
            )
            continue
        what = f"one fused query among {len(vectors.images):,}, median"
        yield Row(what, ours[0], "ms", "less", name, theirs[0], f"recall@{_K}", ours[1], theirs[1], _NOTE)


def _measure(find: Find, vectors: Vectors, queries: int) -> tuple[float, float]:
    """Median milliseconds, and the share of the true best that was found."""
    times_ms, recalls = [], []
    for query in range(-_WARM_UP, queries):
        begun = time.perf_counter()
        found = find(max(query, 0), _ALPHA, _K)
        if query >= 0:
            times_ms.append((time.perf_counter() - begun) * 1000)
            best = np.argsort(-vectors.combined(query, _ALPHA), kind="stable")[:_K]
            recalls.append(len(set(found) & {int(row) for row in best}) / _K)
    return float(np.median(times_ms)), float(np.mean(recalls))


def _by_faiss(vectors: Vectors) -> Find:
    faiss: Any = importlib.import_module("faiss")

    def index(rows: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[np.int64]]:
        made = faiss.IndexHNSWFlat(rows.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        made.hnsw.efConstruction, made.hnsw.efSearch = 64, _LEG
        made.add(rows)
        return lambda query: made.search(query[None], _LEG)[1][0]

    return _union(vectors, index(vectors.images), index(vectors.texts))


def _by_hnswlib(vectors: Vectors) -> Find:
    hnswlib: Any = importlib.import_module("hnswlib")

    def index(rows: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[np.int64]]:
        made = hnswlib.Index(space="cosine", dim=rows.shape[1])
        made.init_index(max_elements=len(rows), M=16, ef_construction=64)
        made.add_items(rows)
        made.set_ef(_LEG)
        return lambda query: made.knn_query(query, k=_LEG)[0][0]

    return _union(vectors, index(vectors.images), index(vectors.texts))


def _union(
    vectors: Vectors,
    near_image: Callable[[NDArray[np.float32]], NDArray[np.int64]],
    near_text: Callable[[NDArray[np.float32]], NDArray[np.int64]],
) -> Find:
    def find(query: int, alpha: float, k: int) -> list[int]:
        image, text = vectors.image_queries[query], vectors.text_queries[query]
        rows = np.union1d(near_image(image), near_text(text)).astype(np.int64)
        combined = alpha * (vectors.images[rows] @ image) + (1 - alpha) * (vectors.texts[rows] @ text)
        return [int(rows[place]) for place in np.argsort(-combined)[:k]]

    return find


def _by_lists(vectors: Vectors) -> Find:
    """Linear scan over lists of numbers with cosines from the definition, like a simple script over a file of embeddings."""
    media = list(zip(vectors.images.tolist(), vectors.texts.tolist(), strict=True))

    def cosine(a: list[float], b: list[float]) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / (math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b)))

    def find(query: int, alpha: float, k: int) -> list[int]:
        image, text = vectors.image_queries[query].tolist(), vectors.text_queries[query].tolist()
        combined = [alpha * cosine(image, one) + (1 - alpha) * cosine(text, other) for one, other in media]
        return sorted(range(len(media)), key=lambda row: -combined[row])[:k]

    return find


_WAYS: dict[str, Callable[[Vectors], Find]] = {
    "faiss HNSW, union of legs": _by_faiss,
    "hnswlib, union of legs": _by_hnswlib,
    "numpy, all rows": by_numpy,
    "a linear scan over lists": _by_lists,
}


if __name__ == "__main__":
    for row in run(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0):
        sys.stdout.write(f"{row} {row.ratio}\n")
