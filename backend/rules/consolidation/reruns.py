"""A rerun of the assignment rule over all pictures in upload order, to preview the groups at another threshold."""

from collections.abc import Iterator

import numpy as np

from backend.rules.consolidation.apart import Apartness
from backend.rules.consolidation.identity import Renaming, rename_groups
from backend.rules.consolidation.linkage import Indices
from backend.rules.consolidation.second_pass import Library, Regrouped, Seeds, find_seeds
from backend.rules.grouping import CentroidCache, Centroids, Decision, assign
from backend.vectors import unit_rows, unit_rows_in_single

_BATCH = 256


def rerun(library: Library, threshold: float) -> Regrouped:
    """Reassign every picture whose membership is automatic, in the order of the rows. Pure, and exactly the rule.

    Anchored clusters start with their seeds, locked clusters are left out, and cannot-links are kept. Each group keeps
    the id of the cluster that it shares most members with.

    Raises:
        InvalidVector: an embedding is zero or not finite.
    """
    inside = np.flatnonzero(~np.isin(library.clusters, sorted(library.locked)))
    before = library.clusters[inside]
    units = unit_rows_in_single(
        library.embeddings if len(inside) == len(library.embeddings) else library.embeddings[inside]
    )
    seeds = find_seeds(units, before, library.fixed[inside], library.anchored)
    del units  # as large as the embeddings
    walk = _Walk(library, inside, seeds, threshold)
    for batch in walk.batches():
        walk.assign(batch)
    renaming = rename_groups(before, walk.groups, walk.held)
    return _described(renaming, walk, inside, library.clusters)


class _Walk:
    """The state of one rerun. A group is a row of the centroids; the clusters with seeds come first."""

    def __init__(self, library: Library, inside: Indices, seeds: Seeds, threshold: float) -> None:
        self._embeddings = library.embeddings
        self._inside = inside
        self._threshold = threshold
        self._apartness = Apartness(library.cannot_links)
        before = library.clusters[inside]
        ids, rows = np.unique(seeds.clusters, return_inverse=True)
        self.held = dict(enumerate(ids.tolist()))
        self.groups = np.full(len(inside), -1, dtype=np.int64)
        self.groups[seeds.positions] = rows
        self.decisions: dict[int, Decision] = {}
        sums = np.zeros((len(ids), library.embeddings.shape[1]))
        np.add.at(sums, rows, unit_rows(library.embeddings[inside[seeds.positions]]))
        counts = np.bincount(rows, minlength=len(ids)).astype(np.int64)
        self._cache = CentroidCache(ids, sums, counts, np.ones(len(ids), dtype=np.bool_), version=0)
        names, inverse = np.unique(before, return_inverse=True)
        codes = np.array([self._apartness.code(cluster) for cluster in names.tolist()], dtype=np.int64)
        self._codes = codes[inverse]
        self._row_codes = [self._apartness.code(cluster) for cluster in ids.tolist()]

    def batches(self) -> Iterator[Indices]:
        """Positions left to assign, in order, in batches. A picture of a cannot-linked cluster is a batch of its own."""
        batch: list[int] = []
        for position in np.flatnonzero(self.groups < 0).tolist():
            if self._codes[position] or len(batch) == _BATCH:
                if batch:
                    yield np.array(batch, dtype=np.int64)
                batch = []
            if self._codes[position]:
                yield np.array([position], dtype=np.int64)
            else:
                batch.append(position)
        if batch:
            yield np.array(batch, dtype=np.int64)

    def assign(self, batch: Indices) -> None:
        centroids = self._cache.centroids
        code = int(self._codes[batch[0]])
        if code:
            held = np.array(self._row_codes, dtype=np.int64)
            is_open = ~self._apartness.conflict(np.full(len(held), code), held)
            centroids = Centroids(centroids.sums, centroids.counts, centroids.units, is_open)
        outcome = assign(self._embeddings[self._inside[batch]], centroids, self._threshold)
        founded = [int(row) for row in outcome.rows if row >= len(centroids.sums)]
        self._cache.apply(outcome, founded, version=0)
        self._row_codes.extend([0] * len(founded))
        for position, decision in zip(batch.tolist(), outcome.decisions, strict=True):
            self.groups[position] = decision.row
            self.decisions[position] = decision
            if code:
                self._row_codes[decision.row] = self._apartness.union(self._row_codes[decision.row], code)


def _described(renaming: Renaming, walk: _Walk, inside: Indices, everything: Indices) -> Regrouped:
    cluster_of = np.zeros(int(walk.groups.max(initial=-1)) + 1, dtype=np.int64)
    cluster_of[walk.groups] = renaming.clusters
    decisions = [walk.decisions[position] for position in renaming.changed.tolist()]
    clusters = everything.copy()
    clusters[inside] = renaming.clusters
    return Regrouped(
        Renaming(clusters, renaming.merges, renaming.splits, inside[renaming.changed], inside[renaming.moved]),
        np.array([one.founder for one in decisions], dtype=np.bool_),
        np.array([one.similarity for one in decisions], dtype=np.float64),
        np.array([0 if one.runner_up is None else cluster_of[one.runner_up] for one in decisions], dtype=np.int64),
        np.array([_or_nan(one.runner_up_similarity) for one in decisions], dtype=np.float64),
        np.array([_or_nan(one.margin) for one in decisions], dtype=np.float64),
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
