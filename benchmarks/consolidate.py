# ruff: noqa: INP001 - a script, not a package
"""The second pass: time, memory and quality by size of the library, on mixtures and on the demo gallery.

    python -m benchmarks.consolidate --counts 5000 20000 50000
    python -m benchmarks.consolidate --orders 5 --counts 2000 --reference
    python -m benchmarks.consolidate --orders 5 --gallery 300 --counts

Each line is measured in a process of its own, so that its peak memory is its own. `--reference` also runs scikit-learn's
agglomerative clustering, which needs a matrix of all pairs.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from backend.rules.consolidation import Library, consolidate
from backend.rules.grouping import CentroidCache, assign
from backend.rules.measures import adjusted_rand_index
from backend.vectors import unit_rows
from benchmarks.frame import Row

_BATCH = 256
_FAMILY = 8


@dataclass(frozen=True)
class Mixture:
    """A mixture of groups.

    Attributes:
        name: its name.
        groups: number of groups.
        least_within: lower end of the range of mean cosines within groups.
        most_within: upper end of that range.
        siblings: cosine between the centres of one family of eight groups.
        noise_dimension: intrinsic dimension of the noise.
    """

    name: str
    groups: int
    least_within: float
    most_within: float
    siblings: float = 0.0
    noise_dimension: int = 512


MIXTURES = (
    Mixture("separated", 300, 0.88, 0.95),
    Mixture("wide", 300, 0.72, 0.95),
    Mixture("wide, few real dimensions", 300, 0.72, 0.95, noise_dimension=32),
    Mixture("families", 300, 0.80, 0.95, siblings=0.7),
    Mixture("families, overlapping", 300, 0.72, 0.95, siblings=0.7, noise_dimension=32),
)


@dataclass(frozen=True)
class Line:
    """Means over upload orders. Rand indices are relative to the true groups; `peak_mib` is the memory added by grouping."""

    name: str
    media: int
    orders: int
    clusters_before: float
    clusters_after: float
    rand_before: float
    rand_after: float
    least_rand_after: float
    rand_offline: float | None
    seconds: float
    cpu_seconds: float
    peak_mib: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="*", default=[5_000, 20_000, 50_000])
    parser.add_argument("--mixtures", nargs="*", default=[mixture.name for mixture in MIXTURES])
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--threshold", type=float, default=0.82)
    parser.add_argument("--orders", type=int, default=1, help="random upload orders")
    parser.add_argument("--reference", action="store_true", help="run scikit-learn beside it")
    parser.add_argument("--gallery", type=int, default=0, help="pictures of the demo gallery")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    cases: list[tuple[Mixture | None, int]] = [(None, options.gallery)] if options.gallery else []
    cases += [(mixture, count) for count in options.counts for mixture in MIXTURES if mixture.name in options.mixtures]
    lines = []
    for mixture, count in cases:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            lines.append(pool.apply(_measure, (mixture, count, options)))
        if not options.json:
            _print(lines[-1])
    if options.json:
        json.dump([asdict(line) for line in lines], sys.stdout, indent=2)
    return 0


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: adjusted Rand index of the groups after the second pass, compared with before."""
    count = int(3_000 * scale)
    options = argparse.Namespace(dimension=512, threshold=0.82, orders=2, reference=False)
    for mixture in MIXTURES:
        line = _measure(mixture, count, options)
        yield Row(
            f"{mixture.name}, {count:,} media: adjusted Rand index",
            line.rand_after,
            "",
            "more",
            against="before the second pass",
            theirs=line.rand_before,
            note=f"{line.seconds:.1f} s for a pass; generated vectors, mean of {line.orders} orders",
        )


def _measure(mixture: Mixture | None, count: int, options: argparse.Namespace) -> Line:
    vectors, labels = _render(count) if mixture is None else draw(mixture, count, options.dimension)
    before, after, clusters, seconds, cpu_seconds = [], [], [], [], []
    base = peak_mib()
    for seed in range(options.orders):
        order = np.random.default_rng(seed).permutation(count)
        truth = labels[order].tolist()
        online = group_online(vectors[order], options.threshold)
        library = Library(vectors[order], online, np.zeros(count, dtype=np.bool_))
        begun, begun_cpu = time.perf_counter(), time.process_time()
        grouped = consolidate(library, options.threshold).renaming.clusters
        seconds.append(time.perf_counter() - begun)
        cpu_seconds.append(time.process_time() - begun_cpu)
        before.append(adjusted_rand_index(truth, online.tolist()))
        after.append(adjusted_rand_index(truth, grouped.tolist()))
        clusters.append((len(np.unique(online)), len(np.unique(grouped))))
    peak = peak_mib() - base
    offline = (
        adjusted_rand_index(labels.tolist(), group_offline(vectors, options.threshold)) if options.reference else None
    )
    return Line(
        name="gallery" if mixture is None else mixture.name,
        media=count,
        orders=options.orders,
        clusters_before=mean(one for one, _ in clusters),
        clusters_after=mean(other for _, other in clusters),
        rand_before=mean(before),
        rand_after=mean(after),
        least_rand_after=min(after),
        rand_offline=offline,
        seconds=mean(seconds),
        cpu_seconds=mean(cpu_seconds),
        peak_mib=peak,
    )


def draw(mixture: Mixture, count: int, dimension: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw unit vectors around centres of very unequal weight."""
    generator = np.random.default_rng(0)
    families = unit_rows(generator.normal(size=(mixture.groups // _FAMILY + 1, dimension)))
    own = unit_rows(generator.normal(size=(mixture.groups, dimension)))
    of = np.arange(mixture.groups) // _FAMILY
    centres = unit_rows(np.sqrt(mixture.siblings) * families[of] + np.sqrt(1 - mixture.siblings) * own)
    weights = generator.pareto(1.5, size=mixture.groups) + 0.3
    labels = generator.choice(mixture.groups, size=count, p=weights / weights.sum())
    within = generator.uniform(mixture.least_within, mixture.most_within, size=mixture.groups)
    basis = np.linalg.qr(generator.normal(size=(dimension, mixture.noise_dimension)))[0].T
    vectors = np.empty((count, dimension), dtype=np.float32)
    for start in range(0, count, _BATCH):
        part = labels[start : start + _BATCH]
        noise = generator.normal(size=(len(part), len(basis))) @ basis / np.sqrt(len(basis))
        vectors[start : start + _BATCH] = unit_rows(centres[part] + np.sqrt(1 / within[part] - 1)[:, None] * noise)
    return vectors, labels


def _render(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Embed the demo gallery with the demo encoder."""
    from backend.demo.gallery import KINDS, render_gallery
    from backend.encoders import load_encoders, resolve_encoders
    from backend.settings import load_settings

    settings = load_settings(preset="demo")
    encoders = load_encoders(settings, resolve_encoders(settings))
    pictures = list(render_gallery(count, seed=0, size=224))
    vectors = [
        encoders.image.embed_pictures([picture.image for picture in pictures[a : a + 16]]) for a in range(0, count, 16)
    ]
    return np.concatenate(vectors), np.array([KINDS.index(picture.kind) for picture in pictures])


def group_online(vectors: NDArray[np.float32], threshold: float) -> NDArray[np.int64]:
    none = np.empty(0, dtype=np.int64)
    cache = CentroidCache(none, np.empty((0, vectors.shape[1])), none, np.empty(0, dtype=np.bool_), version=0)
    clusters: list[int] = []
    for start in range(0, len(vectors), _BATCH):
        outcome = assign(vectors[start : start + _BATCH], cache.centroids, threshold)
        cache.apply(outcome, [int(row) + 1 for row in outcome.rows if row >= len(cache.cluster_ids)], version=0)
        clusters.extend(decision.row + 1 for decision in outcome.decisions)
    return np.array(clusters, dtype=np.int64)


def group_offline(vectors: NDArray[np.float32], threshold: float) -> list[int]:
    from sklearn.cluster import AgglomerativeClustering

    method = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold**2
    )
    return list(method.fit(vectors).labels_)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _print(line: Line) -> None:
    offline = "" if line.rand_offline is None else f" (offline {line.rand_offline:.3f})"
    sys.stdout.write(
        f"{line.name:26} {line.media:>7,} media  clusters {line.clusters_before:,.0f} -> {line.clusters_after:,.0f}  "
        f"Rand {line.rand_before:.3f} -> {line.rand_after:.3f}, least {line.least_rand_after:.3f}{offline}  "
        f"{line.seconds:.1f} s ({line.cpu_seconds:.1f} s of processor)  {line.peak_mib:.0f} MiB more\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
