"""How well groups agree with labels, as pure functions of integer codes, also under resampling."""

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
    """adjusted_rand_index: agreement on pairs, corrected for chance (Hubert and Arabie 1985); normalized_mutual_information: what
    the group tells of the label, over the mean of both entropies (Strehl and Ghosh 2002; Vinh, Epps and Bailey 2010); purity:
    the share of media whose group has their label as its most frequent one (Manning, Raghavan and Schuetze 2008, ch. 16)."""

    adjusted_rand_index: float
    normalized_mutual_information: float
    purity: float


@dataclass(frozen=True, eq=False)
class Contingency:
    """The cells of the table of labels and groups that are not empty. cell: (n,) of each media; of each cell its label and its
    group, as codes from 0."""

    cell: Codes
    labels: Codes
    groups: Codes

    @classmethod
    def of(cls, labels: ArrayLike, groups: ArrayLike) -> "Contingency":
        """Of labels and groups (n,), any integers.

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
        """The agreement; weights: (n,) how often each media is drawn, for a bootstrap.

        A media that is drawn twice makes no pair with itself: such pairs would agree in any grouping, and so count for it.
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
        # All of one label and all in one group: there is nothing to tell, and nothing is told wrong.
        return 1.0 if sum(entropies) == 0 else max(0.0, 2 * information / sum(entropies))

    def _purity(self, cells: Values) -> float:
        most = np.zeros(int(self.groups.max()) + 1)
        np.maximum.at(most, self.groups, cells)
        return float(most.sum() / cells.sum())


def silhouettes(embeddings: NDArray[np.floating], groups: ArrayLike) -> Values:
    """(n,) the silhouette of each media by cosine distance, -1..1: how much nearer its own group is than the next one.

    The mean distance to a group follows from the sum of its unit vectors, so no pair of media is measured, and memory grows with
    media plus groups. 0 for a group of one. Source: Rousseeuw, Silhouettes, Journal of Computational and Applied Mathematics 20
    (1987).

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
        # The own group without the media itself, whose distance is 0.
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
    # The plus takes the sign off a zero.
    return float(-(present * np.log(present)).sum()) + 0.0
