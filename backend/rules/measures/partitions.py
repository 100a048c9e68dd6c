"""Agreement of groups with labels, as pure functions of integer codes, with weights for resampling."""

from dataclasses import dataclass
from typing import Any

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

    def agree(self, weights: ArrayLike | None = None) -> Agreement:
        """Measure the agreement. `weights` (n,) says how often a bootstrap draws each picture.

        A picture that is drawn twice does not form a pair with itself: such a pair would agree in any grouping.
        """
        drawn = np.ones(len(self.cell)) if weights is None else np.asarray(weights, dtype=np.float64)
        cells = _summed(self.cell, drawn)
        of_label, of_group = _summed(self.labels, cells), _summed(self.groups, cells)
        with_itself = float((drawn**2).sum())
        return Agreement(
            _adjusted_rand_index(cells, of_label, of_group, with_itself),
            self._mutual_information(cells, of_label, of_group),
            self._purity(cells),
        )

    def _mutual_information(self, cells: Values, of_label: Values, of_group: Values) -> float:
        total = cells.sum()
        present = cells > 0
        share = cells[present] / total
        expected = of_label[self.labels[present]] * of_group[self.groups[present]] / total**2
        information = float((share * np.log(share / expected)).sum())
        entropies = _entropy(of_label / total), _entropy(of_group / total)
        # One label and one group only: the entropies are 0, and the partitions are identical.
        return 1.0 if sum(entropies) == 0 else max(0.0, 2 * information / sum(entropies))

    def _purity(self, cells: Values) -> float:
        most = np.zeros(int(self.groups.max()) + 1)
        np.maximum.at(most, self.groups, cells)
        return float(most.sum() / cells.sum())


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


def _adjusted_rand_index(cells: Values, of_label: Values, of_group: Values, with_itself: float) -> float:
    together, in_labels, in_groups = (_pairs(one, with_itself) for one in (cells, of_label, of_group))
    everything = _pairs(np.array([cells.sum()]), with_itself)
    expected = in_labels * in_groups / everything if everything else 0.0
    most = (in_labels + in_groups) / 2
    return 1.0 if most == expected else float((together - expected) / (most - expected))


def _summed(codes: Codes, weights: Values) -> Values:
    return np.asarray(np.bincount(codes, weights=weights), dtype=np.float64)


def _pairs(sizes: Values, with_itself: float) -> float:
    return float(((sizes**2).sum() - with_itself) / 2)


def _entropy(shares: NDArray[Any]) -> float:
    present = shares[shares > 0]
    # Adding 0.0 turns -0.0 into 0.0.
    return float(-(present * np.log(present)).sum()) + 0.0
