"""Selection of the rows that must be measured exactly to determine the best of an order with certainty.

Each row has an interval that contains its value. A row whose upper end reaches the k-th greatest lower end may be among
the k best; other rows cannot. The same holds for a whole range of orders, such as those between two alphas. The exact
values of measured rows then replace the lower ends, which raises the bar, until no row that is not measured reaches it
(the threshold argument of Fagin, Lotem and Naor, 2003).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.rules.search.legs import Vector

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
# Approximate cosines, and their error bounds.
Side = tuple[Floats, Floats]


@dataclass(frozen=True)
class Weights:
    """Weights of the two sides. The value of a row is image * sim_image + text * sim_text; a missing side adds 0.

    Attributes:
        image: weight of the image side.
        text: weight of the text side.
    """

    image: float
    text: float

    def of(self, sim_image: Vector, sim_text: Vector) -> Vector:
        value: Vector = self.image * np.nan_to_num(sim_image) + self.text * np.nan_to_num(sim_text)
        return value


@dataclass(eq=False)
class Order:
    """The search for the best rows of an order by a weighted sum.

    Attributes:
        weights: weights of the sum.
        wanted: number of best rows that are wanted.
        upper: (n,) upper bound of each row's value, -inf for rows that take no part.
        takes_part: (n,) whether the row takes part.
        floor: a value that at least `wanted` participating rows are known to reach; -inf if none is known.
    """

    weights: Weights
    wanted: int
    upper: Floats
    takes_part: NDArray[np.bool_]
    floor: float = field(default=-np.inf)

    @classmethod
    def over(
        cls,
        weights: Weights,
        wanted: int,
        sides: tuple[Side | None, Side | None],
        takes_part: NDArray[np.bool_],
        *,
        losable: int | None,
    ) -> "Order":
        """Build an order from the approximate cosines (n,) of each side and their error bounds (n,).

        Args:
            weights: weights of the sum.
            wanted: number of best rows that are wanted.
            sides: the image and the text side; None for a side with weight 0.
            takes_part: (n,) whether the row takes part.
            losable: how many participating rows may turn out not to count. None if any number may; then they give no floor.
        """
        about = np.zeros(len(takes_part), dtype=np.float32)
        off = np.zeros(len(takes_part), dtype=np.float32)
        for weight, side in zip((weights.image, weights.text), sides, strict=True):
            if weight and side is not None:
                about += np.float32(weight) * side[0]
                off += np.float32(weight) * side[1]
        upper = np.where(takes_part, about + off, np.float32(-np.inf))
        order = cls(weights, wanted, upper, takes_part)
        if losable is not None and wanted + losable <= len(takes_part):
            order.floor = _kth(np.where(takes_part, about - off, np.float32(-np.inf)), wanted + losable)
        return order

    def contenders(self, measured: NDArray[np.bool_], most: int) -> Rows:
        """Rows that may reach the floor and are not measured yet; at most `most`, those with the greatest upper bounds."""
        rows = np.flatnonzero((self.upper >= self.floor) & self.takes_part & ~measured)
        if len(rows) > most:
            rows = rows[np.argpartition(-self.upper[rows], most - 1)[:most]]
        return rows

    def learn(self, rows: Rows, sim_image: Vector, sim_text: Vector) -> None:
        """Set the floor from the exact cosines of all rows measured so far."""
        values = self.weights.of(sim_image, sim_text)[self.takes_part[rows]]
        self.floor = _kth(values, self.wanted) if len(values) >= self.wanted else -np.inf


@dataclass(eq=False)
class Stretch:
    """The search for the best rows of all orders alpha * sim_image + (1 - alpha) * sim_text between two alphas.

    Each row is a line over alpha. The minimum of `wanted` lines is concave, so a line that is below it at both ends is
    below it everywhere, and its row is among the best of none of these orders. Any choice of lines is valid; the best in
    the middle exclude the most rows.

    Attributes:
        ends: the weights at both ends.
        wanted: number of best rows that are wanted of each order.
        rows: (m,) the rows that may be among the best.
        uppers: upper bounds (m,) of their values at either end.
        takes_part: (n,) whether the row takes part.
        floors: values that at least `wanted` rows are known to reach at either end.
    """

    ends: tuple[Weights, Weights]
    wanted: int
    rows: Rows
    uppers: tuple[Floats, Floats]
    takes_part: NDArray[np.bool_]
    floors: tuple[float, float] = (-np.inf, -np.inf)

    def contenders(self, measured: NDArray[np.bool_], most: int) -> Rows:
        """See `Order.contenders`."""
        reaches = (self.uppers[0] >= self.floors[0]) | (self.uppers[1] >= self.floors[1])
        indexes = np.flatnonzero(reaches & ~measured[self.rows])
        if len(indexes) > most:
            highest = self.uppers[0][indexes] + self.uppers[1][indexes]
            indexes = indexes[np.argpartition(-highest, most - 1)[:most]]
        return self.rows[indexes]

    def learn(self, rows: Rows, sim_image: Vector, sim_text: Vector) -> None:
        """See `Order.learn`."""
        part = self.takes_part[rows]
        low, high = (end.of(sim_image[part], sim_text[part]) for end in self.ends)
        self.floors = _floors(low, high, self.wanted)


def every_alpha(
    wanted: int, sides: tuple[Side, Side], takes_part: NDArray[np.bool_], *, losable: int, parts: int = 8
) -> list[Stretch]:
    """The orders at all alphas from 0 to 1, in `parts` stretches. The other arguments are those of `Order.over`."""
    rows = np.flatnonzero(takes_part)
    (whole,) = _stretches(1, wanted, rows, sides, takes_part, losable)
    # Rows below the whole stretch are not compared in the parts. They return if more rows than expected do not count.
    few = whole.contenders(~takes_part, len(rows))
    below = ~np.isin(rows, few, assume_unique=True)
    whole.rows, whole.uppers = rows[below], (whole.uppers[0][below], whole.uppers[1][below])
    return [whole, *_stretches(parts, wanted, few, sides, takes_part, losable)]


def _stretches(
    count: int,
    wanted: int,
    rows: Rows,
    sides: tuple[Side, Side],
    takes_part: NDArray[np.bool_],
    losable: int,
) -> list[Stretch]:
    grid = [Weights(index / count, 1 - index / count) for index in range(count + 1)]
    bounds = [_bounds(weights, sides, rows) for weights in grid]
    return [
        Stretch(
            (grid[index], grid[index + 1]),
            wanted,
            rows,
            (bounds[index][1], bounds[index + 1][1]),
            takes_part,
            _floors(bounds[index][0], bounds[index + 1][0], wanted + losable),
        )
        for index in range(count)
    ]


def _bounds(weights: Weights, sides: tuple[Side, Side], rows: Rows) -> tuple[Floats, Floats]:
    """Lower and upper bounds of the values of these rows."""
    (image, image_off), (text, text_off) = sides
    of_image, of_text = np.float32(weights.image), np.float32(weights.text)
    about = of_image * image[rows] + of_text * text[rows]
    off = of_image * image_off[rows] + of_text * text_off[rows]
    return about - off, about + off


def _floors(low: NDArray[np.floating], high: NDArray[np.floating], wanted: int) -> tuple[float, float]:
    """The least values, at either end, of the `wanted` best rows in the middle."""
    if len(low) < wanted:
        return -np.inf, -np.inf
    best = np.argpartition(-(low + high), wanted - 1)[:wanted]
    return float(low[best].min()), float(high[best].min())


def _kth(values: NDArray[np.floating], k: int) -> float:
    """The k-th greatest value."""
    return float(np.partition(values, len(values) - k)[len(values) - k])
