"""The threshold in another space at which the rule would group as it is grouped today, as pure functions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Separating:
    """A threshold, and the share of decisions that come out at it as the groups have it.

    low, high: every threshold between them does as well.
    """

    threshold: float
    agreement: float
    low: float
    high: float


def own_without_itself(similarity: Vector, sizes: NDArray[np.int64], sum_lengths: Vector) -> Vector:
    """Cosines (n,) of members to the centroid of the others of their group, from those to the centroid with them in it.

    Exact for unit vectors: with the sum s of the group, |s - x|^2 = |s|^2 - 2 s.x + 1. NaN for who is alone.
    """
    along = similarity * sum_lengths
    rest = np.sqrt(np.maximum(sum_lengths**2 - 2 * along + 1, 1e-12))
    return np.where(sizes > 1, np.clip((along - 1) / rest, -1.0, 1.0), np.nan)


def separating_threshold(own: Vector, other: Vector, first: Flags) -> Separating:
    """The threshold at which most media would be decided as they are grouped, each judged by the final centroids.

    A media that came to a group is right where it is nearer to the others of its group than to any other group, and at
    the threshold or above it; the first of a group is right where every other group is below the threshold. All
    thresholds are tried at once: agreement changes only at a similarity that occurs. Of the best ones the middle of the
    widest stretch is taken.

    Args:
        own: (n,) cosines to the centroid of the other members; NaN for who is alone.
        other: (n,) cosines to the nearest other centroid.
        first: (n,) whether the media is the first of its group.

    Raises:
        ValueError: there is no media, or lengths differ.
    """
    if not len(own) == len(other) == len(first) or not len(own):
        raise ValueError("own, other and first are of one length, and not empty")
    joined = ~first & (own >= other)
    # At a threshold t, own >= t is right for those that joined, and other < t for those that founded.
    falls, rises = np.sort(own[joined]), np.sort(other[first])
    points = np.unique(np.concatenate([falls, rises, [-1.0, 1.0]]))
    # In the stretch above a point, up to and including the next one.
    middles = (points[:-1] + points[1:]) / 2
    right = (len(falls) - np.searchsorted(falls, middles)) + np.searchsorted(rises, middles)
    best = np.flatnonzero(right == right.max())
    # Stretches that follow on each other are one.
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    widest = max(runs, key=lambda run: points[run[-1] + 1] - points[run[0]])
    low, high = float(points[widest[0]]), float(points[widest[-1] + 1])
    return Separating((low + high) / 2, float(right.max() / len(own)), low, high)


def neighbour_agreement(one: NDArray[np.float32], other: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> float:
    """The share of the k nearest rows that two sets of unit vectors (n, d1) and (n, d2) name alike, over the given rows.

    Exact; memory for len(rows) * n numbers. 1.0 where there is nothing to be compared.
    """
    count = min(k, len(one) - 1)
    if count < 1 or not len(rows):
        return 1.0
    found = []
    for vectors in (one, other):
        similarity = vectors[rows] @ vectors.T
        similarity[np.arange(len(rows)), rows] = -np.inf
        found.append(np.argpartition(-similarity, count - 1, axis=1)[:, :count])
    return float(np.mean([len(np.intersect1d(a, b)) / count for a, b in zip(*found, strict=True)]))
