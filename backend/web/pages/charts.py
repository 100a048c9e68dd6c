"""Coordinates of small charts. Areas and lines are SVG paths in a box of 100 by 100, stretched to fit; everything else is in
percent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from backend.rules.measures import BINS, LOW, Histogram

_STEP = (1 - LOW) / BINS
# Share of the lowest values that an axis may cut off.
_TAIL = 0.001


@dataclass(frozen=True)
class Axis:
    """An axis of similarities from `low` to 1, with a tick at every tenth."""

    low: float

    def place(self, value: float) -> float:
        """Position of a value, 0 to 100."""
        return round(min(max((value - self.low) / (1 - self.low), 0.0), 1.0) * 100, 2)

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Value and position of each tick."""
        first = math.ceil(round(self.low * 10, 6))
        return [(tenth / 10, self.place(tenth / 10)) for tenth in range(first, 11)]

    @classmethod
    def of(cls, *histograms: Histogram) -> "Axis":
        """The axis that shows all but a thousandth of each histogram, rounded down to a tenth."""
        lows = [0.9]
        for one in histograms:
            gathered = 0.0
            for index, share in enumerate(one.shares):
                gathered += share
                if gathered > _TAIL:
                    lows.append(LOW + index * _STEP)
                    break
        return cls(math.floor(round(min(lows) * 10, 6)) / 10)


def area(histogram: Histogram, axis: Axis, highest: float) -> str:
    """SVG path of a histogram as steps. The share `highest` reaches the top."""
    points = [f"M{axis.place(LOW)} 100"]
    for index, share in enumerate(histogram.shares):
        height = round(100 - share / (highest or 1) * 100, 2)
        left, right = axis.place(LOW + index * _STEP), axis.place(LOW + (index + 1) * _STEP)
        if right > 0:
            points.append(f"L{left} {height}L{right} {height}")
    return "".join([*points, "L100 100Z"])


def line(values: Sequence[tuple[float, float]], axis: Axis, highest: float) -> str:
    """SVG path through (similarity, value) points."""
    points = [
        f"{axis.place(similarity)} {round(100 - value / (highest or 1) * 100, 2)}" for similarity, value in values
    ]
    return "M" + "L".join(points) if points else ""
