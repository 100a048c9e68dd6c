"""The second pass: a regrouping of all automatic members that does not depend on the order of uploads.

Online grouping depends on order: two clusters may grow side by side, or an early picture may stay alone beside a group
that formed later. The second pass groups all automatic members again, independently of order, and reports the changes.

Linkage is average linkage by cosine. Two groups merge, the nearest pair first, while both hold:

- their mean cosine is at least threshold². If every merge has that, the mean over all pairs of a group has it, and as
  the squared length of a group's mean vector is that mean over all pairs, the members' mean cosine to their centroid
  is at least the threshold. So this is the cut at which the reference, scikit-learn's AgglomerativeClustering
  (metric="cosine", linkage="average", distance_threshold=1 - threshold²), makes groups as wide as the rule lets them be;
- where one of them stands on its own already, their centres' cosine is at least the threshold. The centres' cosine is
  estimated as the mean cosine across over the geometric mean of those within, which noise and size do not bias.

A group *stands* if the rule would accept its members again: the cosine of a member to the centroid of the others
reaches the threshold. Groups that do not stand in the end are taken apart. Then members move to nearer centroids.

A curator's decisions are kept: see `Library`.
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
    """The current pictures and their clusters, with the constraints that a curator set.

    Attributes:
        embeddings: (n, d) vectors of any length except zero.
        clusters: (n,) cluster ids.
        fixed: (n,) whether a curator decided the membership.
        locked: clusters that neither gain nor lose members.
        anchored: clusters that must not be merged into another. A cluster with a fixed member is always anchored.
        cannot_links: pairs of clusters whose members must not share a group.
    """

    embeddings: Matrix32
    clusters: Indices
    fixed: Flags
    locked: frozenset[int] = frozenset()
    anchored: frozenset[int] = frozenset()
    cannot_links: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Seeds:
    """The pictures that hold anchored clusters in place.

    These are the members that a curator decided. An anchored cluster without such a member is held by the member nearest
    to its centroid.

    Attributes:
        positions: (k,) the pictures that stay.
        clusters: (k,) the cluster of each.
    """

    positions: Indices
    clusters: Indices


@dataclass(frozen=True)
class Regrouped:
    """The result of a regrouping. Clusters still to be created have the ids -1, -2, ...

    All fields but `renaming` have one entry for each changed picture, in the order of `renaming.changed`.

    Attributes:
        renaming: the new cluster of each picture, with merges, splits and moves.
        founder: whether the picture founds its cluster: in the second pass, whether it is alone in it.
        similarity: cosine to the new centroid.
        runner_up: the nearest other cluster, 0 if there is none.
        runner_up_similarity: cosine to its centroid, NaN if there is none.
        margin: `similarity` minus the greater of threshold and `runner_up_similarity`. For a founder, threshold minus
            `runner_up_similarity` (NaN if there is none).
    """

    renaming: Renaming
    founder: Flags
    similarity: NDArray[np.float64]
    runner_up: Indices
    runner_up_similarity: NDArray[np.float64]
    margin: NDArray[np.float64]


def consolidate(library: Library, threshold: float) -> Regrouped:
    """Regroup the library. Pure, deterministic, and independent of the order of the rows.

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
    """Choose the pictures that hold anchored clusters in place."""
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
    """Returns groups (n,). The seeds of an anchored cluster are one leaf, as are pictures with equal rows and codes."""
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
    """Number the rows so that equal rows share a number. The numbering depends on the rows only, not on their order."""
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
