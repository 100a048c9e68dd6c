# ruff: noqa: INP001 - scripts, not a package
"""Grouping by the product's rule and second pass compared with scikit-learn: time, memory and quality by size of the library.

All methods run in memory on the same vectors (a mixture of 300 groups, 512 dimensions), each in a process of its own.
AgglomerativeClustering uses average linkage, cut where two groups have the threshold's mean cosine, and computes all pairs. Birch
uses the radius with the best index of six that were tried on a thousand of these pictures (0.3 to 0.65; the threshold's radius,
0.57, has 0.53), and no number of clusters. Memory is what grouping added to the peak of making the vectors.
"""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.consolidation import Library, consolidate
from backend.rules.measures import adjusted_rand_index
from benchmarks.consolidate import MIXTURES, draw, group_offline, group_online, peak_mib
from benchmarks.frame import Row

THRESHOLD = 0.82
_COUNTS = (1_000, 3_000, 9_000)
_MIXTURE = next(mixture for mixture in MIXTURES if mixture.name == "families")
_BIRCH_RADIUS = 0.45
_PEERS = ("AgglomerativeClustering", "Birch")


@dataclass(frozen=True)
class Grouped:
    """Seconds and mebibytes that grouping took, and the adjusted Rand index relative to the true groups."""

    seconds: float
    mib: float
    rand: float


def run(scale: float) -> Iterator[Row]:
    for count in (int(count * scale) for count in _COUNTS):
        ours = _apart("ours", count)
        for name in _PEERS:
            theirs = _apart(name, count)
            yield Row(
                f"grouping {count:,} media",
                ours.seconds,
                "s",
                "less",
                name,
                theirs.seconds,
                quality="adjusted Rand index",
                our_quality=ours.rand,
                their_quality=theirs.rand,
                note="ours with its second pass; generated vectors",
            )
            yield Row(f"grouping {count:,} media, memory", ours.mib, "MiB", "less", name, theirs.mib)


def _apart(name: str, count: int) -> Grouped:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_group, name, count).result()


def _group(name: str, count: int) -> Grouped:
    vectors, labels = draw(_MIXTURE, count, _MIXTURE.noise_dimension)
    _import_peer()
    base, begun = peak_mib(), time.perf_counter()
    match name:
        case "ours":
            online = group_online(vectors, THRESHOLD)
            library = Library(vectors, online, np.zeros(count, dtype=np.bool_))
            groups = consolidate(library, THRESHOLD).renaming.clusters.tolist()
        case "Birch":
            groups = _by_birch(vectors)
        case _:
            groups = group_offline(vectors, THRESHOLD)
    return Grouped(
        time.perf_counter() - begun, max(peak_mib() - base, 0.1), adjusted_rand_index(labels.tolist(), groups)
    )


def _import_peer() -> None:
    """Import scikit-learn in all processes, before time and memory are measured."""
    from sklearn import cluster  # noqa: F401


def _by_birch(vectors: NDArray[np.float32]) -> list[int]:
    from sklearn.cluster import Birch

    return list(Birch(threshold=_BIRCH_RADIUS, n_clusters=None).fit(vectors).labels_)
