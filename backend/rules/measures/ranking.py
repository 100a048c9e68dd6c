"""Exact ranking of a query's hits, with the tie breaks of the search, without sorting all candidates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Column = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The values that a ranking sorts by.

    Attributes:
        combined: (n,) the combined value, greatest first; -inf for a row that is not a candidate.
        image: (n,) the image leg; the greater one wins a tie.
        id_ranks: (n,) the order of media ids, the last tie break.
    """

    combined: Column
    image: Column
    id_ranks: Rows

    def best(self, k: int) -> Rows:
        """The rows of the k best candidates, or of all if there are fewer."""
        count = min(k, int((self.combined > -np.inf).sum()))
        if not count:
            return np.empty(0, dtype=np.int64)
        least = np.partition(self.combined, -count)[-count]
        return self.ordered(np.flatnonzero(self.combined >= least))[:count]

    def first_of(self, rows: Rows) -> int:
        """The rank, from 1, of the best of these rows; 0 if none is a candidate."""
        rows = rows[self.combined[rows] > -np.inf]
        if not len(rows):
            return 0
        first = int(self.ordered(rows[self.combined[rows] >= self.combined[rows].max()])[0])
        value = self.combined[first]
        equal = np.flatnonzero(self.combined == value)
        before = int(np.flatnonzero(self.ordered(equal) == first)[0])
        return int((self.combined > value).sum()) + before + 1

    def ordered(self, rows: Rows) -> Rows:
        """These rows, best first."""
        return rows[np.lexsort((self.id_ranks[rows], -self.image[rows], -self.combined[rows]))]
