"""Matching of new groups with the clusters they replace, and the merges, splits and moves that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backend.rules.consolidation.linkage import Indices


@dataclass(frozen=True)
class Merged:
    """A cluster that no longer exists, and the one that took most of its members.

    Attributes:
        cluster: the cluster that disappeared.
        into: the cluster that took most of its members.
        media_count: how many members that one took.
    """

    cluster: int
    into: int
    media_count: int


@dataclass(frozen=True)
class SplitOff:
    """A new cluster, and the one that most of its members come from.

    Attributes:
        cluster: the cluster that it split off from.
        created: the new cluster, a negative id.
        media_count: how many members come from `cluster`.
    """

    cluster: int
    created: int
    media_count: int


@dataclass(frozen=True)
class Renaming:
    """The new grouping, expressed as changes to the old one.

    Attributes:
        clusters: (n,) cluster of each picture; new clusters are negative: -1, -2, ...
        merges: clusters that no longer exist, by id.
        splits: clusters that are new, in order of creation.
        changed: positions of the pictures whose cluster changed.
        moved: those of `changed` that no merge or split accounts for.
    """

    clusters: Indices
    merges: tuple[Merged, ...]
    splits: tuple[SplitOff, ...]
    changed: Indices
    moved: Indices

    @property
    def survivors(self) -> dict[int, int]:
        """Maps each cluster that no longer exists to the one that it was merged into."""
        return {merged.cluster: merged.into for merged in self.merges}


def rename_groups(before: Indices, groups: Indices, held: Mapping[int, int]) -> Renaming:
    """Give each group the id of the cluster that it shares most members with, largest overlap first.

    Between equal overlaps the older cluster (the smaller id) wins.

    Args:
        before: (n,) cluster ids.
        groups: (n,) groups from 0.
        held: groups whose cluster is already decided.
    """
    shares = _shares(before, groups)
    name_of = dict(held)
    given = set(held.values())
    for group, cluster, _ in shares:
        if group not in name_of and cluster not in given:
            name_of[group] = cluster
            given.add(cluster)
    unnamed = [group for group in range(int(groups.max(initial=-1)) + 1) if group not in name_of]
    created = {group: -number for number, group in enumerate(unnamed, start=1)}
    name_of |= created
    clusters = np.array([name_of[group] for group in groups.tolist()], dtype=np.int64)
    return _describe(before, clusters, [(name_of[group], cluster, count) for group, cluster, count in shares])


def _shares(before: Indices, groups: Indices) -> list[tuple[int, int, int]]:
    """(group, cluster, members in common), most first."""
    pairs, counts = np.unique(np.stack([groups, before], axis=1), axis=0, return_counts=True)
    shares = [(group, cluster, count) for (group, cluster), count in zip(pairs.tolist(), counts.tolist(), strict=True)]
    return sorted(shares, key=lambda share: (-share[2], share[1], share[0]))


def _describe(before: Indices, clusters: Indices, shares: list[tuple[int, int, int]]) -> Renaming:
    kept = set(clusters.tolist())
    merges: dict[int, Merged] = {}
    splits: dict[int, SplitOff] = {}
    for into, cluster, count in shares:
        if cluster not in kept and cluster not in merges:
            merges[cluster] = Merged(cluster, into, count)
        if into < 0 and into not in splits:
            splits[into] = SplitOff(cluster, into, count)
    explained = {(one.cluster, one.into) for one in merges.values()} | {
        (one.cluster, one.created) for one in splits.values()
    }
    changed = np.flatnonzero(before != clusters)
    moved = [
        index
        for index, pair in zip(
            changed.tolist(), zip(before[changed].tolist(), clusters[changed].tolist(), strict=True), strict=True
        )
        if pair not in explained
    ]
    return Renaming(
        clusters,
        tuple(merges[cluster] for cluster in sorted(merges)),
        tuple(splits[created] for created in sorted(splits, reverse=True)),
        changed,
        np.array(moved, dtype=np.int64),
    )
