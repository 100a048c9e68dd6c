"""Find what deserves a look, in arrays. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.review.kinds import MOST_ITEMS, Bounds

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Entries of a block of similarities between centroids: 16 MB.
_BLOCK_ENTRIES = 1 << 22
_NORMAL_CONSISTENT = 1.4826


@dataclass(frozen=True, eq=False)
class Cohesion:
    """How near each cluster's members are, (k,) each, in order of cluster id.

    mean_to_centroid is |sum| / n; mean_pairwise follows from it: |sum|^2 = n + n (n - 1) * mean_pairwise for unit vectors.
    NaN for a single member.
    """

    cluster_ids: Rows
    sizes: Rows
    mean_to_centroid: Floats
    mean_pairwise: Floats


def most_urgent(urgency: Floats, least: float) -> Rows:
    """Places of values of at least `least`, the greatest first, at most MOST_ITEMS. NaN is none."""
    places = np.flatnonzero(urgency >= least)
    return places[np.argsort(-urgency[places], kind="stable")[:MOST_ITEMS]]


def robust_z(similarities: Floats, groups: NDArray[np.integer], bounds: Bounds) -> tuple[Floats, Floats]:
    """Deviations (n,) from the median of each one's group in robust standard deviations, and these medians (n,).

    The deviation is 1.4826 times the median absolute deviation (Hampel, 1974), not below `least_deviation`. NaN in groups of
    fewer than `least_members`.
    """
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    medians = _group_medians(similarities, place, sizes)[place]
    deviations = _NORMAL_CONSISTENT * _group_medians(np.abs(similarities - medians), place, sizes)[place]
    z = (similarities - medians) / np.maximum(deviations, bounds.least_deviation)
    return np.where(sizes[place] >= bounds.least_members, z, np.nan), medians


def measure_cohesion(to_centroid: Floats, cluster_ids: Rows) -> Cohesion:
    """From the members' cosines (n,) to their centroids."""
    ids, place, sizes = np.unique(cluster_ids, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=to_centroid, minlength=len(ids)) / np.maximum(sizes, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairwise = np.where(sizes > 1, (sizes * means**2 - 1) / (sizes - 1), np.nan)
    return Cohesion(ids, sizes, means, pairwise)


def incoherence_bound(cohesion: Cohesion, threshold: float, bounds: Bounds) -> float:
    """The mean pairwise cosine below which a cluster is incoherent.

    At threshold squared, members are on average no nearer to their centroid than what joining takes: always
    incoherent. Up to the threshold itself (below which two members are no look-alikes), a cluster is where it is
    that far below its library's others.
    """
    others = cohesion.mean_pairwise[cohesion.sizes >= bounds.least_members]
    if len(others) == 0:
        return threshold**2
    median = float(np.median(others))
    deviation = max(_NORMAL_CONSISTENT * float(np.median(np.abs(others - median))), bounds.least_deviation)
    return float(np.clip(median - bounds.outlier_z * deviation, threshold**2, threshold))


def near_centroids(centroids: NDArray[np.float32], least: float) -> tuple[Rows, Rows, Floats]:
    """Pairs of rows (k, d) whose cosine is at least `least`, the most similar first, at most MOST_ITEMS.

    In blocks, so that memory is bounded; what cannot be among the most similar any more is dropped on the way.
    """
    count = len(centroids)
    first, second = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    found = np.empty(0)
    step = max(1, _BLOCK_ENTRIES // max(count, 1))
    for start in range(0, count, step):
        similarities = centroids[start : start + step] @ centroids[start:].T
        rows, columns = np.nonzero(similarities >= least)
        later = columns > rows
        rows, columns = rows[later], columns[later]
        first, second = np.concatenate([first, start + rows]), np.concatenate([second, start + columns])
        found = np.concatenate([found, similarities[rows, columns].astype(np.float64)])
        best = np.argsort(-found, kind="stable")[:MOST_ITEMS]
        first, second, found = first[best], second[best], found[best]
    return first, second, found


def _group_medians(values: Floats, place: Rows, sizes: Rows) -> Floats:
    order = np.lexsort((values, place))
    starts = np.cumsum(sizes) - sizes
    ordered = values[order]
    medians: Floats = (ordered[starts + (sizes - 1) // 2] + ordered[starts + sizes // 2]) / 2
    return medians
