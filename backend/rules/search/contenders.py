"""Which rows have to be measured exactly, so that the best of an order are certain. Pure.

Of each row an interval is known that its value lies in. Whatever reaches the k-th greatest lower end may be among the k
best; what does not cannot. The same holds for a whole stretch of orders at once, as between two alphas. The exact values of those that were measured then take the place of the lower ends, which
raises the bar, until nothing that is not measured reaches it (the threshold argument of Fagin, Lotem and Naor, 2003).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.rules.search.legs import Vector

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
# Cosines, about, and how far off each may be.
Side = tuple[Floats, Floats]


@dataclass(frozen=True)
class Weights:
    """Value of a row: image * sim_image + text * sim_text; a missing side adds nothing."""

    image: float
    text: float

    def of(self, sim_image: Vector, sim_text: Vector) -> Vector:
        value: Vector = self.image * np.nan_to_num(sim_image) + self.text * np.nan_to_num(sim_text)
        return value


@dataclass(eq=False)
class Order:
    """An order by a weighted sum, of which the `wanted` best are asked for.

    upper: (n,) the most that each row can have, -inf for rows that take no part; floor: what at least `wanted` rows that
    take part are known to have, -inf where that is not known.
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
        """From about and how far off each side is, (n,) each, None for a side that weighs nothing.

        losable: so many rows that take part may turn out not to count; None where any may, so that they give no floor.
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
        """Rows that reach the floor and are not measured yet, at most the `most` best of them by what they can have."""
        rows = np.flatnonzero((self.upper >= self.floor) & self.takes_part & ~measured)
        if len(rows) > most:
            rows = rows[np.argpartition(-self.upper[rows], most - 1)[:most]]
        return rows

    def learn(self, rows: Rows, sim_image: Vector, sim_text: Vector) -> None:
        """Take the exact cosines of all rows that were found so far into account: they alone make a floor now."""
        values = self.weights.of(sim_image, sim_text)[self.takes_part[rows]]
        self.floor = _kth(values, self.wanted) if len(values) >= self.wanted else -np.inf


@dataclass(eq=False)
class Stretch:
    """All orders by alpha * sim_image + (1 - alpha) * sim_text from one alpha to another, of each of which the `wanted` best
    are asked for.

    Each row is a line over alpha. The least of `wanted` lines is concave, so a line that lies below it at both ends lies below
    it all the way, and its row is among the best of none of these orders. Which lines are taken does not matter; the
    best in the middle leave little.

    ends: the weights at both; rows: (m,) those that may be among the best; uppers: (m,) each, the most that they can have at
    either end; floors: what at least `wanted` rows are known to have there; takes_part: (n,).
    """

    ends: tuple[Weights, Weights]
    wanted: int
    rows: Rows
    uppers: tuple[Floats, Floats]
    takes_part: NDArray[np.bool_]
    floors: tuple[float, float] = (-np.inf, -np.inf)

    def contenders(self, measured: NDArray[np.bool_], most: int) -> Rows:
        """As of `Order`."""
        reaches = (self.uppers[0] >= self.floors[0]) | (self.uppers[1] >= self.floors[1])
        places = np.flatnonzero(reaches & ~measured[self.rows])
        if len(places) > most:
            highest = self.uppers[0][places] + self.uppers[1][places]
            places = places[np.argpartition(-highest, most - 1)[:most]]
        return self.rows[places]

    def learn(self, rows: Rows, sim_image: Vector, sim_text: Vector) -> None:
        """As of `Order`."""
        part = self.takes_part[rows]
        low, high = (end.of(sim_image[part], sim_text[part]) for end in self.ends)
        self.floors = _floors(low, high, self.wanted)


def every_alpha(
    wanted: int, sides: tuple[Side, Side], takes_part: NDArray[np.bool_], *, losable: int, parts: int = 8
) -> list[Stretch]:
    """The orders at all alphas from 0 to 1. Arguments as of `Order.over`; parts: in how many stretches."""
    rows = np.flatnonzero(takes_part)
    (whole,) = _stretches(1, wanted, rows, sides, takes_part, losable)
    # What is below the whole need not be compared in the parts, but comes back if more rows do not count than expected.
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
    grid = [Weights(place / count, 1 - place / count) for place in range(count + 1)]
    bounds = [_bounds(weights, sides, rows) for weights in grid]
    return [
        Stretch(
            (grid[place], grid[place + 1]),
            wanted,
            rows,
            (bounds[place][1], bounds[place + 1][1]),
            takes_part,
            _floors(bounds[place][0], bounds[place + 1][0], wanted + losable),
        )
        for place in range(count)
    ]


def _bounds(weights: Weights, sides: tuple[Side, Side], rows: Rows) -> tuple[Floats, Floats]:
    """The least and the most that rows can have."""
    (image, image_off), (text, text_off) = sides
    of_image, of_text = np.float32(weights.image), np.float32(weights.text)
    about = of_image * image[rows] + of_text * text[rows]
    off = of_image * image_off[rows] + of_text * text_off[rows]
    return about - off, about + off


def _floors(low: NDArray[np.floating], high: NDArray[np.floating], wanted: int) -> tuple[float, float]:
    """What the `wanted` best in the middle have at least at either end."""
    if len(low) < wanted:
        return -np.inf, -np.inf
    best = np.argpartition(-(low + high), wanted - 1)[:wanted]
    return float(low[best].min()), float(high[best].min())


def _kth(values: NDArray[np.floating], k: int) -> float:
    """The k-th greatest."""
    return float(np.partition(values, len(values) - k)[len(values) - k])
