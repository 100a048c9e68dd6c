"""Average linkage over unit vectors, without a matrix of all pairs.

The mean cosine between two groups is the dot product of their mean vectors, so one vector represents a group of any
size. Average linkage is reducible: a union is never nearer to a third group than the nearer of its parts. So all pairs
that are each other's nearest can be merged at once (Bruynooghe, 1978; Murtagh, A survey of recent advances in
hierarchical clustering algorithms, The Computer Journal 26, 1983), and a short list of nearest groups stays a valid
bound while its entries merge (similar to Muellner, fastcluster, Journal of Statistical Software 53, 2013).

`backend.rules.consolidation.second_pass` defines which pairs may merge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.consolidation.apart import Apartness

Matrix32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Values = NDArray[np.float64]

_LISTED = 16
_BLOCK_ENTRIES = 4_000_000
_WIDTHS = (64, 512)
_PAIRS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Leaves:
    """The groups that linkage starts from: single pictures, or pictures that must stay together.

    Attributes:
        means: (m, d) mean unit vectors.
        counts: (m,) number of pictures in each.
        anchored: (m,) whether the leaf counts as standing, whatever its members.
        codes: (m,) codes from `Apartness`.
    """

    means: Matrix32
    counts: Indices
    anchored: Flags
    codes: Indices


def link(leaves: Leaves, apartness: Apartness, threshold: float) -> Indices:
    """Group the leaves. Returns the group (m,) of each leaf, numbered from 0 in order of first appearance."""
    forest = _Forest(leaves, apartness, threshold)
    forest.grow()
    return forest.cut()


def leave_one_out(counts: Indices, squared_lengths: Values) -> Values:
    """Mean cosine of a group's members to the centroid of the others, from its size and the squared length of its mean.

    This is what the rule would measure if it assigned a member again. The members' products with the sum are replaced
    by their mean, which is exact for groups whose members are equally far from their centroid. 0 for one member.
    """
    lengths = squared_lengths * counts
    rest = np.sqrt(np.maximum(lengths * counts - 2 * lengths + 1, 1e-12))
    found: Values = np.where(counts > 1, (lengths - 1) / rest, 0.0)
    return found


class _Forest:
    """The state of one linkage run. Each group occupies a slot; a merged group keeps the lower of the two slots.

    The merge trees are kept for `cut`.
    """

    def __init__(self, leaves: Leaves, apartness: Apartness, threshold: float) -> None:
        size = len(leaves.means)
        self._apartness = apartness
        self._threshold = threshold
        self._floor = threshold * threshold
        self._means = leaves.means.copy()
        self._counts = leaves.counts.copy()
        self._codes = leaves.codes.copy()
        self._squares = np.einsum("ij,ij->i", self._means, self._means, dtype=np.float64)
        self._stands: Flags = leaves.anchored | (leave_one_out(self._counts, self._squares) >= threshold)
        self._alive = np.ones(size, dtype=np.bool_)
        self._listed = np.full((size, _LISTED), -1, dtype=np.int64)
        self._similarities = np.full((size, _LISTED), -np.inf)
        self._bounds = np.full(size, -np.inf)
        self._nodes = np.arange(size)
        self._node_stands = list(self._stands)
        self._children: list[tuple[int, int]] = []

    def grow(self) -> None:
        """Merge until no pair may merge any more."""
        stale, complete = np.flatnonzero(self._alive), True
        while True:
            self._scan(stale)
            first, second = self._mutual_pairs()
            if len(first):
                self._merge(first, second)
                stale, complete = self._refresh(first, second), False
            elif complete:
                return
            else:
                # A group that was left off a list may have grown since, and pass the test that it failed then.
                stale, complete = np.flatnonzero(self._alive), True

    def cut(self) -> Indices:
        """Cut each tree into the largest groups that stand. Leaves in none of them become groups of their own."""
        leaf_count = len(self._alive)
        groups = np.full(leaf_count, -1, dtype=np.int64)
        found = 0
        pending = [int(node) for node in self._nodes[self._alive]]
        while pending:
            node = pending.pop()
            if node >= leaf_count and not self._node_stands[node]:
                pending.extend(self._children[node - leaf_count])
                continue
            groups[self._leaves_below(node)] = found
            found += 1
        return renumber(groups)

    def _leaves_below(self, node: int) -> list[int]:
        leaf_count, leaves, pending = len(self._alive), [], [node]
        while pending:
            one = pending.pop()
            if one < leaf_count:
                leaves.append(one)
            else:
                pending.extend(self._children[one - leaf_count])
        return leaves

    def _may_merge(self, rows: Indices, others: Indices, similarities: Values) -> Flags:
        """Whether these pairs of slots, with these mean cosines, may merge."""
        stand_row, stand_other = self._stands[rows], self._stands[others]
        within_row, within_other = self._within(rows), self._within(others)
        # The spread of a side that does not stand is not known yet, so it is assumed to equal the other's.
        left = np.where(stand_row, within_row, np.where(stand_other, within_other, 1.0))
        right = np.where(stand_other, within_other, np.where(stand_row, within_row, 1.0))
        tested = stand_row | stand_other
        near = ~tested | (similarities >= self._threshold * np.sqrt(left * right))
        apart = self._apartness.conflict(self._codes[rows], self._codes[others])
        passed: Flags = (similarities >= self._floor) & near & ~apart
        return passed

    def _within(self, slots: Indices) -> Values:
        """Mean cosine over pairs of different members of a group; 1 for a group of one."""
        counts = self._counts[slots]
        found = (counts * self._squares[slots] - 1) / np.maximum(counts - 1, 1)
        return np.maximum(np.where(counts > 1, found, 1.0), 0.0)

    def _scan(self, slots: Indices) -> None:
        """Compare these slots with all groups, and list the nearest groups that each may merge with."""
        alive = np.flatnonzero(self._alive)
        everything = self._means if len(alive) == len(self._means) else self._means[alive]
        step = max(1, _BLOCK_ENTRIES // max(len(alive), 1))
        for start in range(0, len(slots), step):
            self._scan_block(slots[start : start + step], alive, everything)

    def _scan_block(self, slots: Indices, alive: Indices, everything: Matrix32) -> None:
        similarities = self._means[slots] @ everything.T
        entries = np.flatnonzero(similarities.ravel() >= np.float32(self._floor))
        rows, columns = np.divmod(entries, len(alive))
        values, others = similarities.ravel()[entries].astype(np.float64), alive[columns]
        allowed = (others != slots[rows]) & self._may_merge(slots[rows], others, values)
        self._list_candidates(slots, rows[allowed], others[allowed], values[allowed])

    def _list_candidates(self, slots: Indices, rows: Indices, others: Indices, values: Values) -> None:
        """List the best candidates of each slot.

        Args:
            slots: the slots to list candidates for.
            rows: position in `slots` of each candidate pair, ascending.
            others: the candidate's own slot.
            values: mean cosine of the pair.
        """
        counts = np.bincount(rows, minlength=len(slots))
        starts = np.cumsum(counts) - counts
        least = -1
        # Rows with a similar number of candidates share a table, so that little of it is padding.
        for most in (_LISTED + 1, *_WIDTHS, int(counts.max(initial=0))):
            few = np.flatnonzero((counts > least) & (counts <= most))
            least = max(least, most)
            if not len(few):
                continue
            width = max(int(counts[few].max()), 1)
            filled = np.arange(width) < counts[few, None]
            indexes = (starts[few, None] + np.arange(width))[filled]
            table = np.full(filled.shape, -np.inf)
            table[filled] = values[indexes]
            table_others = np.zeros(filled.shape, dtype=np.int64)
            table_others[filled] = others[indexes]
            if width > _LISTED + 1:
                nearest = np.argpartition(-table, _LISTED, axis=1)[:, : _LISTED + 1]
                table = np.take_along_axis(table, nearest, axis=1)
                table_others = np.take_along_axis(table_others, nearest, axis=1)
            self._list(slots[few], table_others, table)

    def _list(self, slots: Indices, others: Indices, similarities: Values, bounds: Values | None = None) -> None:
        """Store the best entries of each row, and an upper bound for the similarity of groups that are not listed."""
        similarities = np.where(similarities >= self._floor, similarities, -np.inf)
        order = np.lexsort((others, -similarities), axis=1)
        others, similarities = np.take_along_axis(others, order, 1), np.take_along_axis(similarities, order, 1)
        left_out = similarities[:, _LISTED] if similarities.shape[1] > _LISTED else np.full(len(slots), -np.inf)
        self._bounds[slots] = left_out if bounds is None else np.maximum(left_out, bounds)
        width = min(_LISTED, similarities.shape[1])
        self._listed[slots] = -1
        self._similarities[slots] = -np.inf
        self._listed[slots, :width] = np.where(similarities > -np.inf, others, -1)[:, :width]
        self._similarities[slots, :width] = similarities[:, :width]

    def _nearest(self) -> tuple[Indices, Indices, Values]:
        """Slots that have a group to merge with, the nearest such group, and its mean cosine."""
        slots = np.flatnonzero(self._alive & (self._listed[:, 0] >= 0))
        listed = self._listed[slots]
        rows = np.broadcast_to(slots[:, None], listed.shape)
        allowed = (listed >= 0) & self._may_merge(rows, np.maximum(listed, 0), self._similarities[slots])
        similarities = np.where(allowed, self._similarities[slots], -np.inf)
        best = similarities.argmax(axis=1)
        indexes = np.arange(len(slots))
        values = similarities[indexes, best]
        some = values > -np.inf
        return slots[some], listed[indexes, best][some], values[some]

    def _mutual_pairs(self) -> tuple[Indices, Indices]:
        slots, others, values = self._nearest()
        if not len(slots):
            return slots, others
        nearest = np.full(len(self._alive), -1, dtype=np.int64)
        nearest[slots] = others
        mutual = (nearest[others] == slots) & (slots < others)
        if not mutual.any():
            # Rounding can produce a cycle of equally near groups; its best pair is as good as a mutual one.
            best = int(values.argmax())
            pair = sorted((int(slots[best]), int(others[best])))
            return np.array(pair[:1], dtype=np.int64), np.array(pair[1:], dtype=np.int64)
        return slots[mutual], others[mutual]

    def _merge(self, first: Indices, second: Indices) -> None:
        counts = self._counts[first] + self._counts[second]
        share = (self._counts[second] / counts)[:, None].astype(np.float32)
        means = self._means[first] + share * (self._means[second] - self._means[first])
        self._means[first] = means
        self._counts[first] = counts
        self._squares[first] = np.einsum("ij,ij->i", means, means, dtype=np.float64)
        self._stands[first] = leave_one_out(counts, self._squares[first]) >= self._threshold
        self._alive[second] = False
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            self._codes[one] = self._apartness.union(int(self._codes[one]), int(self._codes[other]))
            self._children.append((int(self._nodes[one]), int(self._nodes[other])))
            self._nodes[one] = len(self._node_stands)
            self._node_stands.append(bool(self._stands[one]))

    def _refresh(self, first: Indices, second: Indices) -> Indices:
        """Update the lists after a merge. Returns the slots that must be compared with all groups again."""
        moved_to = np.arange(len(self._alive))
        moved_to[second] = first
        changed = np.zeros(len(self._alive), dtype=np.bool_)
        changed[first] = True
        self._relist(
            first,
            np.concatenate([self._listed[first], self._listed[second]], axis=1),
            moved_to,
            np.maximum(self._bounds[first], self._bounds[second]),
        )
        others = np.flatnonzero(self._alive & ~changed)
        listed = self._listed[others]
        concerned = ((listed >= 0) & changed[moved_to[listed]]).any(axis=1)
        self._relist(others[concerned], listed[concerned], moved_to, self._bounds[others[concerned]])
        slots = np.flatnonzero(self._alive & (self._bounds > -np.inf))
        allowed = np.where(
            self._may_merge(slots[:, None], np.maximum(self._listed[slots], 0), self._similarities[slots])
            & (self._listed[slots] >= 0),
            self._similarities[slots],
            -np.inf,
        )
        stale: Indices = slots[allowed.max(axis=1, initial=-np.inf) < self._bounds[slots]]
        return stale

    def _relist(self, slots: Indices, listed: Indices, moved_to: Indices, bounds: Values) -> None:
        listed = np.sort(np.where(listed >= 0, moved_to[listed], -1), axis=1)
        listed[:, 1:][listed[:, 1:] == listed[:, :-1]] = -1
        listed[listed == slots[:, None]] = -1
        rows, indexes = np.nonzero(listed >= 0)
        similarities = np.full(listed.shape, -np.inf)
        similarities[rows, indexes] = self._measure(slots[rows], listed[rows, indexes])
        self._list(slots, listed, similarities, bounds)

    def _measure(self, ones: Indices, others: Indices) -> Values:
        found = np.empty(len(ones))
        for start in range(0, len(ones), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            found[part] = np.einsum("ij,ij->i", self._means[ones[part]], self._means[others[part]])
        return found


def renumber(groups: Indices) -> Indices:
    """The same partition, numbered from 0 in order of first appearance."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]
