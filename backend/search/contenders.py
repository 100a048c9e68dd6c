"""Which rows have to be measured exactly, so that the best of an order are certain. Pure.

Of each row an interval is known that its value lies in. Whatever reaches the k-th greatest lower end may be among the k
best; what does not cannot. The exact values of those that were measured then take the place of the lower ends, which
raises the bar, until nothing that is not measured reaches it (the threshold argument of Fagin, Lotem and Naor, 2003).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.search.legs import Vector

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


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
        sides: tuple[tuple[Floats, Floats] | None, tuple[Floats, Floats] | None],
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


def _kth(values: NDArray[np.floating], k: int) -> float:
    """The k-th greatest."""
    return float(np.partition(values, len(values) - k)[len(values) - k])
