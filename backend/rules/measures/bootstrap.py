"""Bootstrap confidence intervals for means and other statistics.

Source: Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7 (1979); the intervals are the
percentile intervals of Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13. A seed always draws the same
resamples, so that measures of the same queries are compared on the same draws (paired).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# Draws that are held in memory at once.
_BLOCK_DRAWS = 4_000_000
# Draws that a statistic looks at at once. It makes several arrays of that size.
_STATISTIC_DRAWS = 250_000
_TIE = 1e-12


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        value: the estimate.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Best:
    """The best of several settings of one parameter.

    Attributes:
        index: index of the best setting.
        confidence: share of the resamples in which it is the best.
        low: lowest index of the interval that holds a resample's best setting with the requested level.
        high: highest index of that interval.
        as_good: indices of the settings that are not significantly worse than the best.
    """

    index: int
    confidence: float
    low: int
    high: int
    as_good: tuple[int, ...]


@dataclass(frozen=True)
class Bootstrap:
    """The resampling of one seed.

    Attributes:
        seed: seed of the random draws.
        resamples: number of resamples.
        level: confidence level of the intervals, such as 0.95.

    Raises:
        ValueError: there are no resamples, or the level is not between 0 and 1.
    """

    seed: int
    resamples: int = 1000
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.level < 1:
            raise ValueError("there is at least one resample, and the level is between 0 and 1")

    def weights(self, count: int) -> Iterator[Values]:
        """Yield how often each of `count` items is drawn, as blocks (b, count) that add up to all resamples."""
        generator = np.random.default_rng(self.seed)
        step = max(1, _BLOCK_DRAWS // max(count, 1))
        for start in range(0, self.resamples, step):
            rows = min(step, self.resamples - start)
            drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)

    def means(self, values: ArrayLike) -> Values:
        """Means (resamples, m) of `values` (n, m), one for each resample of its rows.

        Raises:
            ValueError: there is nothing to resample.
        """
        rows = np.asarray(values, dtype=np.float64)
        if rows.ndim != 2 or not len(rows):
            raise ValueError("there is nothing to resample")
        return np.concatenate([weights @ rows / len(rows) for weights in self.weights(len(rows))])

    def mean(self, values: ArrayLike) -> Interval:
        """The mean of values (n,) with its interval. Raises ValueError if there are no values."""
        column = np.asarray(values, dtype=np.float64)[:, None]
        return self.interval(float(column.mean()) if len(column) else 0.0, self.means(column)[:, 0])

    def interval(self, value: float, resampled: ArrayLike) -> Interval:
        """The percentile interval of a value, given the value in each resample (b,)."""
        low, high = np.quantile(np.asarray(resampled, dtype=np.float64), self._ends)
        return Interval(value, float(low), float(high))

    def best(self, values: ArrayLike, resampled: ArrayLike) -> Best:
        """The best of m settings, given their values (m,) and their values in each resample (b, m).

        Among equally good settings the middle one is taken, since neither end of a plateau is better.

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
        # A setting that ties with the best of a resample counts as best there too.
        shared = (draws[:, index] >= draws.max(axis=1) - _TIE).mean()
        return Best(index, float(shared), int(low), int(high), as_good)

    @property
    def _ends(self) -> tuple[float, float]:
        return (1 - self.level) / 2, (1 + self.level) / 2


def resample(bootstrap: Bootstrap, count: int, statistic: Callable[[Values], Values]) -> Values:
    """Values (resamples, m) of a statistic that is not a mean, or (resamples,) of a single one.

    The statistic computes them for some resamples at once, (b, m) or (b,), from how often each draws each item, (b, count).
    """
    step = max(1, _STATISTIC_DRAWS // max(count, 1))
    return np.concatenate(
        [
            statistic(weights[start : start + step])
            for weights in bootstrap.weights(count)
            for start in range(0, len(weights), step)
        ]
    )


def _middle_best(values: Values) -> int:
    tied = np.flatnonzero(values >= values.max() - _TIE)
    return int(tied[(len(tied) - 1) // 2])
