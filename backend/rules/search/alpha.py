"""Alpha insight: the results for every weight of the two legs, computed in one pass.

The combined value of a candidate is a line over alpha, from its text leg at 0 to its image leg at 1. So the first place
is the upper envelope of these lines, and the best k change only where two lines cross. Everything is exact up to the
rounding of the crossings: between two breakpoints nothing changes.

The input is what enters the weighted sum, for any method: cosines, surprises or reciprocal ranks, as in `Fused`. Ties
are broken as in SQL: the greater image leg wins, then the earlier row. So a list is valid from its breakpoint on,
inclusive; at alpha 1 it is the list just below 1.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.rules.search.legs import Vector, both_legs, check_count, check_fraction

# Breakpoints nearer to each other than this are one; their difference is a rounding error.
_SAME_POINT = 1e-12


@dataclass(frozen=True)
class BestPlace:
    """The best rank of a candidate over all alphas, and the widest interval on which it has that rank.

    Attributes:
        rank: the best rank, from 1.
        low: lower end of the interval, inclusive.
        high: upper end of the interval, exclusive.
    """

    rank: int
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Envelope:
    """The best k candidates at every alpha.

    Attributes:
        starts: (m,) the alpha from which each list is valid, ascending from 0.
        rows: (m, k) the lists, best first.
    """

    starts: Vector
    rows: NDArray[np.int64]

    def at(self, alpha: float) -> NDArray[np.int64]:
        """The best k (k,) at one alpha. Raises InputError outside 0..1."""
        check_fraction("alpha", alpha)
        best: NDArray[np.int64] = self.rows[bisect_right(self.starts.tolist(), alpha) - 1]
        return best


def alpha_where_first(image: ArrayLike, text: ArrayLike, index: int) -> BestPlace | None:
    """The interval on which candidate `index` of n comes first; None if it never does.

    It is a single interval, since the envelope of lines is convex.

    Raises:
        IndexError: there is no such candidate.
        ValueError: the legs differ in shape or hold infinity.
    """
    place = best_place(image, text, index)
    return place if place.rank == 1 else None


def best_place(image: ArrayLike, text: ArrayLike, index: int) -> BestPlace:
    """The best rank of candidate `index` over all alphas, in O(n log n). Between equally wide intervals the first wins.

    Raises as `alpha_where_first`.
    """
    at_one, at_zero = (np.nan_to_num(leg) for leg in both_legs(image, text))
    if not 0 <= index < len(at_one):
        raise IndexError(f"there is no candidate {index} among {len(at_one)}")
    # Positive where the other candidate is ahead, at either end.
    lead_zero, lead_one = at_zero - at_zero[index], at_one - at_one[index]
    # Between equal lines the earlier row stays ahead.
    rows = np.arange(len(at_one))
    equal_before = (lead_zero == 0) & (lead_one == 0) & (rows < index)
    ahead_first = (lead_zero > 0) | ((lead_zero == 0) & (lead_one > 0)) | equal_before
    overtaken = (lead_zero > 0) & (lead_one < 0)
    overtaking = (lead_zero < 0) & (lead_one > 0)
    crossing = overtaken | overtaking
    points, at_point = np.unique(lead_zero[crossing] / (lead_zero[crossing] - lead_one[crossing]), return_inverse=True)
    changes = np.bincount(at_point, weights=np.where(overtaken[crossing], -1, 1), minlength=len(points))
    return _widest_best(int(ahead_first.sum()), points, changes.astype(np.int64))


def envelope(image: ArrayLike, text: ArrayLike, k: int) -> Envelope:
    """The best k of n candidates over the whole range of alpha, with every breakpoint.

    This is a kinetic list: neighbours swap where their lines cross, and the first outsider that crosses the last one
    replaces it. Each pair swaps at most once.

    Raises:
        InputError: k is below one.
        ValueError: the legs differ in shape or hold infinity.
    """
    check_count("k", k)
    at_one, at_zero = (np.nan_to_num(leg) for leg in both_legs(image, text))
    walk = _Walk(at_zero, at_one, min(k, len(at_one)))
    starts, lists = [0.0], [walk.best.copy()]
    while (point := walk.step()) is not None:
        if point - starts[-1] > _SAME_POINT:
            starts.append(point)
            lists.append(walk.best.copy())
        else:
            lists[-1] = walk.best.copy()
    return Envelope(np.array(starts), np.array(lists).reshape(len(lists), -1))


class _Walk:
    """The list of the best k while alpha moves from 0 to 1."""

    def __init__(self, at_zero: Vector, at_one: Vector, size: int) -> None:
        self._zero, self._one = at_zero, at_one
        order = np.lexsort((np.arange(len(at_zero)), -at_one, -at_zero)).astype(np.int64)
        self.best = order[:size]
        self._outside = np.ones(len(order), dtype=np.bool_)
        self._outside[self.best] = False
        # crossings[i] is where entries i and i + 1 of the list cross; the last entry is the first outsider's crossing.
        self._crossings = np.append(self._meet(self.best[:-1], self.best[1:]), np.inf)
        self._challenger = -1
        self._find_challenger()

    def step(self) -> float | None:
        """Make the next swap. Returns its alpha, or None if there is none up to 1."""
        if len(self.best) == 0:
            return None
        index = int(np.argmin(self._crossings))
        point = float(self._crossings[index])
        if point > 1.0:
            return None
        last = len(self.best) - 1
        if index == last:
            self._outside[[self.best[last], self._challenger]] = True, False
            self.best[last] = self._challenger
        else:
            self.best[[index, index + 1]] = self.best[[index + 1, index]]
        if index >= last - 1:
            self._find_challenger()
        around = np.arange(max(index - 1, 0), min(index + 2, last))
        self._crossings[around] = self._meet(self.best[around], self.best[around + 1])
        return point

    def _find_challenger(self) -> None:
        outside = np.flatnonzero(self._outside)
        if len(outside) == 0:
            return
        meetings = self._meet(self.best[-1:], outside)
        soonest = meetings.min()
        # Of all that cross here the steepest ends on top; the others would then have to cross it, and most do not.
        at_once = outside[meetings <= soonest + _SAME_POINT]
        self._challenger = int(at_once[np.argmax(self._one[at_once] - self._zero[at_once])])
        self._crossings[-1] = soonest

    def _meet(self, upper: NDArray[np.int64], lower: NDArray[np.int64]) -> Vector:
        """The alpha at which each lower line crosses the one above it; infinity if it does not up to 1."""
        lead = self._zero[upper] - self._zero[lower]
        gain = self._one[lower] - self._one[upper]
        crossing = np.full(np.broadcast_shapes(lead.shape, gain.shape), np.inf)
        np.divide(lead, lead + gain, out=crossing, where=(gain > 0) & (lead > 0))
        # The lower one already leads: a line that crossed at the same alpha was swapped first, so swap this one now.
        crossing[(gain > 0) & (lead <= 0)] = 0.0
        return crossing


def _widest_best(ahead: int, points: Vector, changes: NDArray[np.int64]) -> BestPlace:
    """The best rank, given the number of candidates ahead at alpha 0 and its change at each point."""
    ranks = 1 + ahead + np.concatenate([[0], np.cumsum(changes)])
    lows = np.concatenate([[0.0], points])
    # Drop slivers, which are rounding errors; then join neighbouring intervals of the same rank.
    lasting = np.diff(np.append(lows, 1.0)) > _SAME_POINT
    ranks, lows = ranks[lasting], lows[lasting]
    runs = np.flatnonzero(np.diff(ranks, prepend=0))
    ranks, lows = ranks[runs], np.append(0.0, lows[runs][1:])
    highs = np.append(lows[1:], 1.0)
    widest = int(np.argmax(np.where(ranks == ranks.min(), highs - lows, -1.0)))
    return BestPlace(int(ranks[widest]), float(lows[widest]), float(highs[widest]))
