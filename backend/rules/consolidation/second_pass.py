"""The second pass: the grouping that the rule would come to if the order of uploads played no part.

Online groups depend on order: two clusters grow up side by side, or an early picture stands alone beside the group
that came later. The second pass groups all automatic members anew, independently of order, and says what that changes.

Linkage is average linkage by cosine. Two groups merge, the nearest pair first, while both hold:

- their mean cosine is at least threshold². If every merge has that, the mean over all pairs of a group has it, and as
  the squared length of a group's mean vector is that mean over all pairs, the members' mean cosine to their centroid
  is at least the threshold. So this is the cut at which the reference, scikit-learn's AgglomerativeClustering
  (metric="cosine", linkage="average", distance_threshold=1 - threshold²), makes groups as wide as the rule lets them be;
- where one of them stands on its own already, their centres' cosine is at least the threshold. The centres' cosine is
  estimated as the mean cosine across over the geometric mean of those within, which noise and size do not bias.

A group *stands* where the rule would let a member in if it came once more: the cosine to the centroid of the others
reaches the threshold. What does not stand in the end is taken apart again. Then members join a nearer centroid.

What a curator has said is kept: see `Library`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.consolidation.apart import Apartness
from backend.rules.consolidation.identity import Merged, Renaming, SplitOff, rename_groups
from backend.rules.consolidation.linkage import Flags, Indices, Leaves, Matrix32, link, renumber
from backend.rules.consolidation.settlement import group_sums, settle, stand
from backend.vectors import unit_rows_in_single

__all__ = ["Library", "Merged", "Regrouped", "Seeds", "SplitOff", "consolidate", "find_seeds"]


@dataclass(frozen=True)
class Library:
    """Media and their clusters as they are.

    embeddings: (n, d) of any length but zero; clusters: (n,) ids; fixed: (n,) memberships that a curator decided.
    locked: clusters that neither take members in nor give any away. anchored: clusters that may not go up in another
    one; those with a fixed member are so anyway. cannot_links: pairs of clusters of which nothing comes together.
    """

    embeddings: Matrix32
    clusters: Indices
    fixed: Flags
    locked: frozenset[int] = frozenset()
    anchored: frozenset[int] = frozenset()
    cannot_links: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Seeds:
    """What holds anchored clusters in place: positions (k,) of media that stay, and the cluster of each.

    These are a curator's memberships; a cluster that is anchored without one is held by the member nearest its centroid.
    """

    positions: Indices
    clusters: Indices


@dataclass(frozen=True)
class Regrouped:
    """What grouping anew comes to. Clusters that are to be made have ids -1, -2, ...

    renaming: the new cluster of each media, and merges, splits and moves. For each changed media, in the order of
    `renaming.changed`: similarity to its new centroid, the nearest other cluster (0 for none), its similarity (NaN for
    none), and the margin: similarity less the greater of threshold and runner-up; for one that stands alone, threshold
    less runner-up (NaN for none).
    """

    renaming: Renaming
    founder: Flags
    similarity: NDArray[np.float64]
    runner_up: Indices
    runner_up_similarity: NDArray[np.float64]
    margin: NDArray[np.float64]


def consolidate(library: Library, threshold: float) -> Regrouped:
    """Group anew. Pure, deterministic, and independent of the order of the rows.

    Memory grows with n * d, never with n * n.

    Raises:
        InvalidVector: an embedding is zero or not finite.
    """
    locked = np.isin(library.clusters, sorted(library.locked))
    inside = np.flatnonzero(~locked)
    units = unit_rows_in_single(library.embeddings[inside])
    before = library.clusters[inside]
    apartness = Apartness(library.cannot_links)
    seeds = find_seeds(units, before, library.fixed[inside], library.anchored)
    codes = _codes(before, apartness)
    free = np.ones(len(inside), dtype=np.bool_)
    free[seeds.positions] = False
    groups = _link(units, codes, free, seeds, apartness, threshold)
    groups = settle(units, groups, free, codes, apartness, threshold)
    held = dict(zip(groups[seeds.positions].tolist(), seeds.clusters.tolist(), strict=True))
    renaming = rename_groups(before, groups, held)
    return _measured(units, groups, renaming, inside, library.clusters, threshold)


def find_seeds(units: Matrix32, clusters: Indices, fixed: Flags, anchored: Iterable[int]) -> Seeds:
    """The media (n,) that hold anchored clusters in place."""
    positions = np.flatnonzero(fixed)
    bare = np.array(sorted(set(anchored) & set(clusters.tolist()) - set(clusters[positions].tolist())), dtype=np.int64)
    members = np.flatnonzero(np.isin(clusters, bare))
    own = renumber(clusters[members])
    similarities = np.einsum("ij,ij->i", units[members].astype(np.float64), group_sums(units[members], own)[own])
    order = np.lexsort((-similarities, own))
    first = np.flatnonzero(np.diff(own[order], prepend=-1))
    positions = np.sort(np.concatenate([positions, members[order[first]]]))
    return Seeds(positions, clusters[positions])


def _codes(clusters: Indices, apartness: Apartness) -> Indices:
    ids, inverse = np.unique(clusters, return_inverse=True)
    found: Indices = np.array([apartness.code(cluster) for cluster in ids.tolist()], dtype=np.int64)[inverse]
    return found


def _link(
    units: Matrix32, codes: Indices, free: Flags, seeds: Seeds, apartness: Apartness, threshold: float
) -> Indices:
    """(n,) groups. Each anchored cluster's seeds are one leaf, and so are media with equal embeddings and codes."""
    leaf_of = np.empty(len(units), dtype=np.int64)
    loose = np.flatnonzero(free)
    loose_leaf = _number_equal(units[loose], codes[loose])
    leaf_of[loose] = loose_leaf
    leaf_of[seeds.positions] = renumber(seeds.clusters) + loose_leaf.max(initial=-1) + 1
    counts = np.bincount(leaf_of)
    _, first = np.unique(leaf_of, return_index=True)
    anchored = ~free[first]
    leaf_codes = codes[first]
    for leaf in np.flatnonzero(anchored).tolist():
        cluster = int(seeds.clusters[np.searchsorted(seeds.positions, first[leaf])])
        leaf_codes[leaf] = apartness.code(cluster, anchored=True)
    sums = group_sums(units, leaf_of)
    sums /= counts[:, None]
    means = sums.astype(np.float32)
    del sums  # as large as everything else together
    order = np.lexsort((means[:, -1], means[:, 0]))
    linked = link(Leaves(means[order], counts[order], anchored[order], leaf_codes[order]), apartness, threshold)
    group_of_leaf = np.empty(len(counts), dtype=np.int64)
    group_of_leaf[order] = linked
    return renumber(group_of_leaf[leaf_of])


def _number_equal(units: Matrix32, codes: Indices) -> Indices:
    """Number the rows so that equal ones have one number, in an order that follows from the rows themselves."""
    if not len(units):
        return codes
    columns = units[:, : min(units.shape[1], 3)]
    order = np.lexsort((*columns.T, codes))
    rows = units[order]
    new = (rows[1:] != rows[:-1]).any(axis=1) | (codes[order][1:] != codes[order][:-1])
    numbers = np.empty(len(units), dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(new)])
    return numbers


def _measured(
    units: Matrix32, groups: Indices, renaming: Renaming, inside: Indices, everything: Indices, threshold: float
) -> Regrouped:
    changed = renaming.changed
    standing = stand(units, groups, changed)
    cluster_of = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.int64)
    cluster_of[groups] = renaming.clusters
    alone = np.bincount(groups)[groups[changed]] == 1 if len(groups) else np.empty(0, dtype=np.bool_)
    runner_up = np.where(standing.runner_up >= 0, cluster_of[standing.runner_up], 0)
    nearest = np.fmax(standing.runner_up_similarity, threshold)
    margin = np.where(alone, threshold - standing.runner_up_similarity, standing.similarity - nearest)
    clusters = everything.copy()
    clusters[inside] = renaming.clusters
    placed = Renaming(clusters, renaming.merges, renaming.splits, inside[changed], inside[renaming.moved])
    return Regrouped(placed, alone, standing.similarity, runner_up, standing.runner_up_similarity, margin)
