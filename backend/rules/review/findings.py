"""Detection of review items in arrays: outliers, incoherent clusters and near centroids."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.review.queues import MOST_ITEMS, Bounds

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Entries of a block of similarities between centroids: 16 MB.
_BLOCK_ENTRIES = 1 << 22
_NORMAL_CONSISTENT = 1.4826


@dataclass(frozen=True, eq=False)
class Cohesion:
    """How near the members of each cluster are to each other, in order of cluster id.

    Attributes:
        cluster_ids: (k,) the clusters.
        sizes: (k,) number of members.
        mean_to_centroid: (k,) mean cosine to the centroid, which is |sum| / n.
        mean_pairwise: (k,) mean cosine of two members, NaN for a single member. For unit vectors it follows from
            |sum|^2 = n + n (n - 1) * mean_pairwise.
    """

    cluster_ids: Rows
    sizes: Rows
    mean_to_centroid: Floats
    mean_pairwise: Floats


def most_urgent(urgency: Floats, least: float) -> Rows:
    """Positions of values of at least `least`, the greatest first, at most MOST_ITEMS. NaN never qualifies."""
    indexes = np.flatnonzero(urgency >= least)
    return indexes[np.argsort(-urgency[indexes], kind="stable")[:MOST_ITEMS]]


def robust_z(similarities: Floats, groups: NDArray[np.integer], bounds: Bounds) -> tuple[Floats, Floats]:
    """Robust z-scores (n,) of similarities within their groups, and the median (n,) of each one's group.

    The standard deviation is estimated as 1.4826 times the median absolute deviation (Hampel, 1974), but not below
    `least_deviation`. The z-score is NaN in groups with fewer than `least_members`.
    """
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    medians = _group_medians(similarities, index, sizes)[index]
    deviations = _NORMAL_CONSISTENT * _group_medians(np.abs(similarities - medians), index, sizes)[index]
    z = (similarities - medians) / np.maximum(deviations, bounds.least_deviation)
    return np.where(sizes[index] >= bounds.least_members, z, np.nan), medians


def measure_cohesion(to_centroid: Floats, cluster_ids: Rows) -> Cohesion:
    """Compute the cohesion of clusters from the members' cosines (n,) to their centroids."""
    ids, index, sizes = np.unique(cluster_ids, return_inverse=True, return_counts=True)
    means = np.bincount(index, weights=to_centroid, minlength=len(ids)) / np.maximum(sizes, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairwise = np.where(sizes > 1, (sizes * means**2 - 1) / (sizes - 1), np.nan)
    return Cohesion(ids, sizes, means, pairwise)


def incoherence_bound(cohesion: Cohesion, threshold: float, bounds: Bounds) -> float:
    """The mean pairwise cosine below which a cluster is incoherent.

    Below threshold squared a cluster is always incoherent: its members are, on average, not near enough to their centroid
    to join it. Between threshold squared and the threshold, a cluster is incoherent if it is an outlier in its library.
    """
    others = cohesion.mean_pairwise[cohesion.sizes >= bounds.least_members]
    if len(others) == 0:
        return threshold**2
    median = float(np.median(others))
    deviation = max(_NORMAL_CONSISTENT * float(np.median(np.abs(others - median))), bounds.least_deviation)
    return float(np.clip(median - bounds.outlier_z * deviation, threshold**2, threshold))


def near_centroids(centroids: NDArray[np.float32], least: float) -> tuple[Rows, Rows, Floats]:
    """Pairs of rows (k, d) whose cosine is at least `least`, the most similar first, at most MOST_ITEMS.

    Works in blocks to bound memory, and drops pairs that cannot be among the most similar any more.
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


def _group_medians(values: Floats, index: Rows, sizes: Rows) -> Floats:
    order = np.lexsort((values, index))
    starts = np.cumsum(sizes) - sizes
    ordered = values[order]
    medians: Floats = (ordered[starts + (sizes - 1) // 2] + ordered[starts + sizes // 2]) / 2
    return medians
