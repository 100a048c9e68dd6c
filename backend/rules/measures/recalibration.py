"""Recalibration of the threshold for another space, so that the rule reproduces today's groups."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Separating:
    """The threshold that best separates members from non-members.

    Attributes:
        threshold: the middle of the best interval.
        agreement: share of the decisions that agree with the groups at this threshold.
        low: lower end of the interval of equally good thresholds.
        high: upper end of that interval.
    """

    threshold: float
    agreement: float
    low: float
    high: float


def own_without_itself(similarity: Vector, sizes: NDArray[np.int64], sum_lengths: Vector) -> Vector:
    """Cosines (n,) of members to the centroid of the others in their group, from their cosines to the full centroid.

    Exact for unit vectors: with the sum s of the group, |s - x|^2 = |s|^2 - 2 s.x + 1. NaN for a group of one.
    """
    along = similarity * sum_lengths
    rest = np.sqrt(np.maximum(sum_lengths**2 - 2 * along + 1, 1e-12))
    return np.where(sizes > 1, np.clip((along - 1) / rest, -1.0, 1.0), np.nan)


def separating_threshold(own: Vector, other: Vector, first: Flags) -> Separating:
    """The threshold at which most decisions, judged by the final centroids, agree with the groups.

    A picture that joined a group agrees if it is nearer to the others of its group than to any other group, and not below
    the threshold. The first picture of a group agrees if every other group is below the threshold. Agreement changes only
    at similarities that occur, so all thresholds can be tried at once. The result is the middle of the widest interval of
    best thresholds.

    Args:
        own: (n,) cosines to the centroid of the other members; NaN for a group of one.
        other: (n,) cosines to the nearest other centroid.
        first: (n,) whether the picture is the first of its group.

    Raises:
        ValueError: there are no pictures, or the lengths differ.
    """
    if not len(own) == len(other) == len(first) or not len(own):
        raise ValueError("own, other and first are of one length, and not empty")
    joined = ~first & (own >= other)
    # At a threshold t, own >= t is right for a picture that joined, and other < t for one that founded its group.
    falls, rises = np.sort(own[joined]), np.sort(other[first])
    points = np.unique(np.concatenate([falls, rises, [-1.0, 1.0]]))
    # Each middle stands for the interval from its point, exclusive, to the next one, inclusive.
    middles = (points[:-1] + points[1:]) / 2
    right = (len(falls) - np.searchsorted(falls, middles)) + np.searchsorted(rises, middles)
    best = np.flatnonzero(right == right.max())
    # Adjacent intervals are one.
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    widest = max(runs, key=lambda run: points[run[-1] + 1] - points[run[0]])
    low, high = float(points[widest[0]]), float(points[widest[-1] + 1])
    return Separating((low + high) / 2, float(right.max() / len(own)), low, high)


def neighbour_agreement(one: NDArray[np.float32], other: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> float:
    """The mean share of k nearest neighbours that two sets of unit vectors (n, d1) and (n, d2) have in common.

    The mean is over the given rows. Exact; needs memory for len(rows) * n numbers. 1.0 if there is nothing to compare.
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
