"""Splits a cluster in two: by the sign along its main direction, then by spherical 2-means.

The start is principal direction divisive partitioning (Boley, 1998), the refinement spherical k-means (Dhillon and
Modha, 2001) with k = 2. Deterministic.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.vectors import unit_rows

_ROUNDS = 50
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True)
class Halves:
    """A cluster split in two.

    Attributes:
        in_right: (n,) whether the member is in the right half.
        cohesion: mean cosine of all members to the centroid of the cluster.
        left_cohesion: mean cosine of the left half to its own centroid.
        right_cohesion: mean cosine of the right half to its own centroid.
        similarity: cosine between the centroids of the two halves.
    """

    in_right: NDArray[np.bool_]
    cohesion: float
    left_cohesion: float
    right_cohesion: float
    similarity: float


def find_halves(embeddings: NDArray[np.floating]) -> Halves | None:
    """Split embeddings (n, d) into two halves, the larger on the left. None if the embeddings do not differ."""
    units = unit_rows(embeddings)
    in_right = _along_main_direction(units)
    if in_right is None:
        return None
    for _ in range(_ROUNDS):
        nearer = units @ _centroid(units[in_right]) > units @ _centroid(units[~in_right])
        if nearer.all() or not nearer.any() or (nearer == in_right).all():
            break
        in_right = nearer
    if 2 * in_right.sum() > len(units):
        in_right = ~in_right
    left, right = _centroid(units[~in_right]), _centroid(units[in_right])
    return Halves(
        in_right,
        cohesion=float((units @ _centroid(units)).mean()),
        left_cohesion=float((units[~in_right] @ left).mean()),
        right_cohesion=float((units[in_right] @ right).mean()),
        similarity=float(left @ right),
    )


def _along_main_direction(units: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    centred = units - units.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    if values[-1] <= _LEAST_SPREAD * len(units):
        return None
    in_right: NDArray[np.bool_] = centred @ vectors[:, -1] > 0
    return in_right


def _centroid(units: NDArray[np.float64]) -> NDArray[np.float64]:
    centroid: NDArray[np.float64] = unit_rows(units.sum(axis=0)[None])[0]
    return centroid
