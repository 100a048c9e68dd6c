"""Near-duplicates: which of many media are kept, and which are near-duplicates of a kept one. Pure.

Media stand in order of preference; a row number is a rank. The rule:

    A media belongs to the first kept media that it is a near-duplicate of. Without one before it, it is kept itself.

So every member is a near-duplicate of the one that is kept, and chains are broken: where a is like b and b like c but
a not like c, c is not given up in favour of a. It is the maximal independent set that comes first in the order (Blelloch,
Fineman, Shun 2012), hence unique, and a new media changes only what stands near it: the groups are the same in whatever
portions they are decided.

Candidates are rows whose hashes differ in few bits, found by reading all hashes: 0.07 ms for 100,000 of them.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]
Similarities = NDArray[np.float64]

UNDECIDED = -1


@dataclass(frozen=True)
class Choice:
    """A row's keeper (itself where it is kept) and the similarity to it, 1 to itself."""

    row: int
    keeper: int
    similarity: float


def near_rows(hashes: Hashes, row: int, max_distance: int) -> Rows:
    """Rows of hashes (n,) that differ from a row's in at most `max_distance` bits, ascending, without the row."""
    near: Rows = np.flatnonzero(np.bitwise_count(hashes ^ hashes[row]) <= max_distance)
    others: Rows = near[near != row]
    return others


def choose_keepers(
    keeper_of: Rows,
    undecided: Iterable[int],
    candidates: Callable[[int], Rows],
    similarities: Callable[[int, Rows], Similarities],
    least_similarity: float,
) -> list[Choice]:
    """Decide rows, and whichever others that changes; returns the last choice of each, by rank.

    Args:
        keeper_of: (n,) the keeper of each row as decided before, UNDECIDED where it was not. Changed in place.
        undecided: the rows to decide.
        candidates: the other rows that may be near-duplicates of a row, ascending.
        similarities: cosines of a row to others; NaN for pairs that are to be apart.
        least_similarity: from which similarity on two candidates are near-duplicates.
    """
    heap = sorted(set(undecided))
    queued = set(heap)
    decided: dict[int, Choice] = {}
    while heap:
        row = heapq.heappop(heap)
        queued.discard(row)
        near = candidates(row)
        choice = _choose(row, keeper_of, near, similarities, least_similarity)
        decided[row] = choice
        was_kept = keeper_of[row] == row
        keeper_of[row] = choice.keeper
        if was_kept != (choice.keeper == row):
            # Whether a row is kept matters to later ones only.
            for other in near[near > row].tolist():
                if other not in queued:
                    queued.add(other)
                    heapq.heappush(heap, other)
    return [decided[row] for row in sorted(decided)]


def _choose(
    row: int,
    keeper_of: Rows,
    near: Rows,
    similarities: Callable[[int, Rows], Similarities],
    least_similarity: float,
) -> Choice:
    before = near[near < row]
    keepers = before[keeper_of[before] == before]
    if len(keepers):
        found = similarities(row, keepers)
        reaching = np.flatnonzero(found >= least_similarity)
        if len(reaching):
            first = int(reaching[0])
            return Choice(row, int(keepers[first]), float(found[first]))
    return Choice(row, row, 1.0)
