"""How sure a mean is, by resampling what it is the mean of.

Source: Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7 (1979); the intervals are the
percentile intervals of Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13. The same seed draws the same
resamples, so that two measures of the same queries are always compared on the same draws (paired).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# Draws that are held at once.
_BLOCK_DRAWS = 4_000_000
_TIE = 1e-12


@dataclass(frozen=True)
class Interval:
    """A value, and the interval that holds the true one with the confidence that was asked for."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Best:
    """The best of some settings of one knob.

    index: of the best; confidence: the share of resamples in which it is the best; low, high: indices between which the best of
    a resample lies with the level that was asked for; as_good: the settings whose difference from the best is not beyond chance.
    """

    index: int
    confidence: float
    low: int
    high: int
    as_good: tuple[int, ...]


@dataclass(frozen=True)
class Bootstrap:
    """Resamples of a seed. level: of the intervals, such as 0.95.

    Raises:
        ValueError: no resamples, or a level outside 0..1.
    """

    seed: int
    resamples: int = 1000
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.level < 1:
            raise ValueError("there is at least one resample, and the level is between 0 and 1")

    def weights(self, count: int) -> Iterator[Values]:
        """How often each of `count` items is drawn, (b, count) at a time, until all resamples are there."""
        generator = np.random.default_rng(self.seed)
        step = max(1, _BLOCK_DRAWS // max(count, 1))
        for start in range(0, self.resamples, step):
            rows = min(step, self.resamples - start)
            drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)

    def means(self, values: ArrayLike) -> Values:
        """(resamples, m) the mean of `values` (n, m) in each resample of its rows.

        Raises:
            ValueError: there is nothing to resample.
        """
        rows = np.asarray(values, dtype=np.float64)
        if rows.ndim != 2 or not len(rows):
            raise ValueError("there is nothing to resample")
        return np.concatenate([weights @ rows / len(rows) for weights in self.weights(len(rows))])

    def mean(self, values: ArrayLike) -> Interval:
        """The mean of values (n,) with its interval. Raises ValueError where there are none."""
        column = np.asarray(values, dtype=np.float64)[:, None]
        return self.interval(float(column.mean()) if len(column) else 0.0, self.means(column)[:, 0])

    def interval(self, value: float, resampled: ArrayLike) -> Interval:
        """The percentile interval of a value out of what it is in each resample (b,)."""
        low, high = np.quantile(np.asarray(resampled, dtype=np.float64), self._ends)
        return Interval(value, float(low), float(high))

    def best(self, values: ArrayLike, resampled: ArrayLike) -> Best:
        """Which of m settings is best, given their values (m,) and what these are in each resample (b, m).

        Of equally good ones the middle one counts: a plateau has no better end.

        Raises:
            ValueError: there are no settings.
        """
        means, draws = np.asarray(values, dtype=np.float64), np.asarray(resampled, dtype=np.float64)
        if not means.size:
            raise ValueError("there are no settings")
        index = _middle_best(means)
        winners = np.array([_middle_best(row) for row in draws], dtype=np.int64)
        low, high = np.quantile(winners, self._ends, method="nearest")
        behind = draws[:, [index]] - draws
        least = np.quantile(behind, self._ends[0], axis=0)
        as_good = tuple(int(one) for one in np.flatnonzero(least <= _TIE))
        # A setting that is as good as the best in a resample shares the place.
        shared = (draws[:, index] >= draws.max(axis=1) - _TIE).mean()
        return Best(index, float(shared), int(low), int(high), as_good)

    @property
    def _ends(self) -> tuple[float, float]:
        return (1 - self.level) / 2, (1 + self.level) / 2


def resample(bootstrap: Bootstrap, count: int, statistic: Callable[[Values], Values]) -> Values:
    """(resamples, m) a statistic (m,) of how often each of `count` items is drawn, for what is no mean."""
    return np.stack([statistic(row) for weights in bootstrap.weights(count) for row in weights])


def _middle_best(values: Values) -> int:
    tied = np.flatnonzero(values >= values.max() - _TIE)
    return int(tied[(len(tied) - 1) // 2])
