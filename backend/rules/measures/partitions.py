"""Agreement of groups with labels, as pure functions of integer codes, with weights for resampling."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.vectors import unit_rows_in_single

Codes = NDArray[np.int64]
Values = NDArray[np.float64]

_BLOCK = 1_024


@dataclass(frozen=True)
class Agreement:
    """Measures of how well groups agree with labels.

    Attributes:
        adjusted_rand_index: agreement on pairs, corrected for chance (Hubert and Arabie 1985).
        normalized_mutual_information: mutual information of group and label divided by the mean of their entropies (Strehl
            and Ghosh 2002; Vinh, Epps and Bailey 2010).
        purity: share of the pictures whose label is the most frequent one in their group (Manning, Raghavan and Schuetze
            2008, ch. 16).
    """

    adjusted_rand_index: float
    normalized_mutual_information: float
    purity: float


@dataclass(frozen=True, eq=False)
class Contingency:
    """Contingency table of labels and groups. Only its non-empty cells are stored.

    Attributes:
        cell: (n,) index of each picture's cell.
        labels: label of each cell, as a code from 0.
        groups: group of each cell, as a code from 0.
    """

    cell: Codes
    labels: Codes
    groups: Codes

    @classmethod
    def of(cls, labels: ArrayLike, groups: ArrayLike) -> "Contingency":
        """Build the table from labels and groups (n,), any integers.

        Raises:
            ValueError: they differ in length, or there are none.
        """
        one, other = (np.unique(np.asarray(codes), return_inverse=True)[1] for codes in (labels, groups))
        if one.shape != other.shape or not one.size:
            raise ValueError(f"{one.size} labels for {other.size} groups")
        width = int(other.max()) + 1
        cells, cell = np.unique(one * width + other, return_inverse=True)
        return cls(cell, cells // width, cells % width)

    def agree(self) -> Agreement:
        """Measure the agreement."""
        return Agreement(*self.agree_each(np.ones((1, len(self.cell))))[0].tolist())

    def agree_each(self, weights: ArrayLike) -> Values:
        """Measure the agreement in resamples: (b, 3), in the order of `Agreement`'s fields.

        `weights` (b, n) says how often each resample draws each picture. One that is drawn twice does not form a pair with
        itself: such a pair would agree in any grouping.
        """
        drawn = np.asarray(weights, dtype=np.float64)
        cells = self._by_cell.sums(drawn)
        return np.column_stack(
            [self._adjusted_rand_indexes(cells, drawn), self._mutual_information(cells), self._purity(cells)]
        )

    def adjusted_rand_indexes(self, weights: ArrayLike) -> Values:
        """The adjusted Rand index in each resample (b,): the first column of `agree_each`, at half its cost."""
        drawn = np.asarray(weights, dtype=np.float64)
        return self._adjusted_rand_indexes(self._by_cell.sums(drawn), drawn)

    @cached_property
    def _by_cell(self) -> "_Runs":
        return _Runs.of(self.cell)

    @cached_property
    def _by_label(self) -> "_Runs":
        return _Runs.of(self.labels)

    @cached_property
    def _by_group(self) -> "_Runs":
        return _Runs.of(self.groups)

    def _adjusted_rand_indexes(self, cells: Values, drawn: Values) -> Values:
        with_itself = (drawn**2).sum(axis=1)
        total = drawn.sum(axis=1, keepdims=True)
        together, in_labels, in_groups, everything = (
            ((sizes**2).sum(axis=1) - with_itself) / 2
            for sizes in (cells, self._by_label.sums(cells), self._by_group.sums(cells), total)
        )
        expected = np.divide(in_labels * in_groups, everything, out=np.zeros(len(total)), where=everything != 0)
        most = (in_labels + in_groups) / 2
        return np.asarray(
            np.divide(together - expected, most - expected, out=np.ones(len(total)), where=most != expected)
        )

    def _mutual_information(self, cells: Values) -> Values:
        total = cells.sum(axis=1, keepdims=True)
        of_label, of_group = (runs.sums(cells) / total for runs in (self._by_label, self._by_group))
        share = cells / total
        expected = of_label[:, self.labels] * of_group[:, self.groups]
        ratio = np.divide(share, expected, out=np.ones_like(share), where=share > 0)
        information = (share * np.log(ratio)).sum(axis=1)
        entropies = _entropies(of_label) + _entropies(of_group)
        # One label and one group only: the entropies are 0, and the partitions are identical.
        found = np.divide(2 * information, entropies, out=np.ones(len(total)), where=entropies != 0)
        return np.asarray(np.maximum(found, 0.0))

    def _purity(self, cells: Values) -> Values:
        most = self._by_group.greatest(cells)
        return np.asarray(most.sum(axis=1) / cells.sum(axis=1))


def silhouettes(embeddings: NDArray[np.floating], groups: ArrayLike) -> Values:
    """Silhouettes (n,) by cosine distance, -1..1: how much nearer a picture is to its own group than to the next one.

    The mean distance to a group follows from the sum of its unit vectors, so pairs need not be measured, and memory grows
    with pictures plus groups. 0 for a group of one. Source: Rousseeuw, Silhouettes, Journal of Computational and Applied
    Mathematics 20 (1987).

    Raises:
        ValueError: there are fewer than two groups.
        InvalidVector: an embedding (n, d) is zero or not finite.
    """
    own = np.unique(np.asarray(groups), return_inverse=True)[1]
    counts = np.bincount(own)
    if len(counts) < 2:
        raise ValueError("a silhouette needs two groups")
    units = unit_rows_in_single(embeddings)
    sums = np.zeros((len(counts), units.shape[1]))
    np.add.at(sums, own, units)
    means = (sums / counts[:, None]).astype(np.float32)
    found = np.empty(len(units))
    for start in range(0, len(units), _BLOCK):
        block = slice(start, start + _BLOCK)
        distances = 1 - (units[block] @ means.T).astype(np.float64)
        of_block, rows = own[block], np.arange(len(distances))
        sizes = counts[of_block]
        # The own group without the picture itself, whose distance is 0.
        within = distances[rows, of_block] * sizes / np.maximum(sizes - 1, 1)
        distances[rows, of_block] = np.inf
        other = distances.min(axis=1)
        greater = np.maximum(within, other)
        value = np.divide(other - within, greater, out=np.zeros(len(rows)), where=greater > 0)
        found[block] = np.where(sizes > 1, value, 0.0)
    return found


@dataclass(frozen=True, eq=False)
class _Runs:
    """An order of codes in which equal ones are neighbours, and where in it the run of each begins."""

    order: Codes
    starts: Codes

    @classmethod
    def of(cls, codes: Codes) -> "_Runs":
        order = np.argsort(codes, kind="stable")
        return cls(order, np.unique(codes[order], return_index=True)[1])

    def sums(self, weights: Values) -> Values:
        """Sums (b, k) of the weights (b, n) of each of the k codes."""
        return np.asarray(np.add.reduceat(weights[:, self.order], self.starts, axis=1))

    def greatest(self, weights: Values) -> Values:
        """The greatest (b, k) of the weights (b, n) of each of the k codes."""
        return np.asarray(np.maximum.reduceat(weights[:, self.order], self.starts, axis=1))


def _entropies(shares: Values) -> Values:
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    # Adding 0.0 turns -0.0 into 0.0.
    return np.asarray(-(shares * logs).sum(axis=1) + 0.0)
