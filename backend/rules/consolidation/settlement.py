"""Moves of members to nearer centroids after linkage, and the final similarities of members to groups."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backend.rules.consolidation.apart import Apartness
from backend.rules.consolidation.linkage import Flags, Indices, Matrix32, Values, renumber

_BLOCK_ENTRIES = 4_000_000
_ROUNDS = 5
# A gain below this may be a rounding error of single precision.
_LEAST_GAIN = 1e-5


@dataclass(frozen=True)
class Standing:
    """How near pictures are to their own group and to the nearest other one.

    Attributes:
        similarity: (k,) cosine to the centroid of their own group.
        runner_up: (k,) the nearest other group, -1 if there is none.
        runner_up_similarity: (k,) cosine to its centroid, NaN if there is none.
    """

    similarity: Values
    runner_up: Indices
    runner_up_similarity: Values


def settle(
    units: Matrix32, groups: Indices, free: Flags, codes: Indices, apartness: Apartness, threshold: float
) -> Indices:
    """Move free pictures to the nearest centroid that reaches the threshold, in a few rounds of spherical k-means.

    Source: Dhillon and Modha, Concept decompositions for large sparse text data, Machine Learning 42 (2001).

    Args:
        units: (n, d) unit vectors.
        groups: (n,) groups, numbered from 0.
        free: (n,) whether the picture may move.
        codes: (n,) code of the picture's own cluster.
        apartness: which codes must stay apart.
        threshold: lowest cosine for joining a group.
    """
    for _ in range(_ROUNDS):
        movers, targets = _find_moves(units, groups, free, codes, apartness, threshold)
        if not len(movers):
            break
        groups = groups.copy()
        groups[movers] = targets
        groups = renumber(groups)
    return groups


def stand(units: Matrix32, groups: Indices, positions: Indices) -> Standing:
    """Measure the pictures at `positions` (k,) against the centroids of all groups, in double precision."""
    centroids = _centroids(units, groups)
    similarity, runner_up_similarity = np.empty(len(positions)), np.full(len(positions), np.nan)
    runner_up = np.full(len(positions), -1, dtype=np.int64)
    single = centroids.astype(np.float32)
    for part, block in _blocks(positions, len(centroids)):
        similarities = units[block] @ single.T
        own = groups[block]
        similarities[np.arange(len(block)), own] = -np.inf
        doubles = units[block].astype(np.float64)
        similarity[part] = np.einsum("ij,ij->i", doubles, centroids[own])
        if len(centroids) > 1:
            runner_up[part] = similarities.argmax(axis=1)
            runner_up_similarity[part] = np.einsum("ij,ij->i", doubles, centroids[runner_up[part]])
    return Standing(similarity, runner_up, runner_up_similarity)


def group_sums(units: NDArray[np.floating], groups: Indices) -> Values:
    """(m, d) sums of the members' vectors in double precision."""
    order = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[order], prepend=-1, append=-1))
    sums = np.empty((max(len(bounds) - 1, 0), units.shape[1]))
    for group, (start, end) in enumerate(pairwise(bounds.tolist())):
        units[order[start:end]].sum(axis=0, dtype=np.float64, out=sums[group])
    return sums


def _centroids(units: Matrix32, groups: Indices) -> Values:
    sums = group_sums(units, groups)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    # Members that cancel out have no mean direction, so nothing is near such a group.
    found: Values = sums / np.where(lengths > 0, lengths, np.inf)
    return found


def _find_moves(
    units: Matrix32, groups: Indices, free: Flags, codes: Indices, apartness: Apartness, threshold: float
) -> tuple[Indices, Indices]:
    centroids = _centroids(units, groups).astype(np.float32)
    held = _group_codes(groups, codes, len(centroids), apartness)
    movers, targets = [], []
    for _, block in _blocks(np.flatnonzero(free), len(centroids)):
        similarities = units[block] @ centroids.T
        indexes = np.arange(len(block))
        own = similarities[indexes, groups[block]]
        bound = np.flatnonzero(codes[block])
        similarities[bound] = np.where(
            apartness.conflict(codes[block[bound], None], held[None]), -np.inf, similarities[bound]
        )
        best = similarities.argmax(axis=1)
        value = similarities[indexes, best]
        going = (value >= threshold) & (value > own + _LEAST_GAIN)
        movers.append(block[going])
        targets.append(best[going])
    return _drop_forbidden_moves(
        np.concatenate(movers or [_none()]), np.concatenate(targets or [_none()]), codes, held, apartness
    )


def _drop_forbidden_moves(
    movers: Indices, targets: Indices, codes: Indices, held: Indices, apartness: Apartness
) -> tuple[Indices, Indices]:
    """The moves that no cannot-link forbids, given the moves before them."""
    kept = np.ones(len(movers), dtype=np.bool_)
    for index in np.flatnonzero(codes[movers]).tolist():
        code, target = int(codes[movers[index]]), int(targets[index])
        if apartness.conflict(np.array([code]), held[[target]])[0]:
            kept[index] = False
        else:
            held[target] = apartness.union(int(held[target]), code)
    return movers[kept], targets[kept]


def _group_codes(groups: Indices, codes: Indices, count: int, apartness: Apartness) -> Indices:
    held = np.zeros(count, dtype=np.int64)
    some = np.flatnonzero(codes)
    for group, code in np.unique(np.stack([groups[some], codes[some]], axis=1), axis=0).tolist():
        held[group] = apartness.union(int(held[group]), code)
    return held


def _blocks(positions: Indices, width: int) -> list[tuple[slice, Indices]]:
    step = max(1, _BLOCK_ENTRIES // max(width, 1))
    return [(slice(start, start + step), positions[start : start + step]) for start in range(0, len(positions), step)]


def _none() -> Indices:
    return np.empty(0, dtype=np.int64)
