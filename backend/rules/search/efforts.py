"""How much effort an approximate search needs: the least that finds enough of the best on a sample of queries."""

import math
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Efforts that are tried, from the least: each costs about half as much again as the one before.
LADDER: Final = (60, 90, 135, 200, 300, 450, 670, 1000)


class BestValues:
    """The greatest values of each row over blocks of columns.

    Args:
        rows: number of rows.
        most: how many values are kept for each.
    """

    def __init__(self, rows: int, most: int) -> None:
        self._kept = np.full((rows, most), -np.inf)

    def add(self, values: NDArray[np.floating]) -> None:
        """Take another block (rows, n)."""
        most = self._kept.shape[1]
        if values.shape[1] > most:
            values = np.partition(values, -most, axis=1)[:, -most:]
        self._kept = np.partition(np.concatenate([self._kept, values], axis=1), -most, axis=1)[:, -most:]

    def greatest(self, k: int) -> NDArray[np.float64]:
        """The k greatest values of each row (rows, k), in descending order, -inf where there were fewer."""
        return -np.sort(-self._kept, axis=1)[:, :k]


def learn_effort(
    recalls: Callable[[int], Iterable[tuple[int, float]]], counts: NDArray[np.int64], target: float, least: int
) -> tuple[int, float]:
    """The least effort of the ladder at which every kind of query reaches the target in the mean.

    Args:
        recalls: the kind (index into `counts`) and the recall of each query at an effort. It is not read further than needed.
        counts: number of queries of each kind.
        target: mean recall to reach, above 0.
        least: effort to begin with.

    Returns:
        The effort, 0 if none is enough, and the lowest mean recall of a kind, at the greatest effort if none is enough. What was not
        read counts as found.
    """
    worst = 0.0
    for effort in (step for step in LADDER if step >= least):
        missed = np.zeros(len(counts))
        allowed = (1 - target) * counts
        for kind, recall in recalls(effort):
            missed[kind] += 1 - recall
            if missed[kind] > allowed[kind] and not math.isclose(missed[kind], allowed[kind]):
                break
        worst = float((1 - missed / np.maximum(counts, 1)).min(initial=1.0))
        if all(lost <= most or math.isclose(lost, most) for lost, most in zip(missed, allowed, strict=True)):
            return effort, worst
    return 0, worst
