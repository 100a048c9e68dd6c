"""Similarities on a line, to compare them at a glance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

_LEAST_SPAN = 0.02
_PADDING = 0.6
_DOT_PADDING = 0.1


@dataclass(frozen=True)
class Mark:
    """A value on the line.

    Attributes:
        kind: style of the mark: `own`, `threshold`, `typical` or `runner-up`.
        label: what the value is.
        value: the similarity.
        place: position, 0 to 100; None if it is off the line.
    """

    kind: str
    label: str
    value: float
    place: float | None = None


@dataclass(frozen=True)
class Gauge:
    """A line of similarities with marks and dots.

    Attributes:
        low: similarity at the left end.
        high: similarity at the right end.
        marks: labelled values.
        dots: positions of the dots, 0 to 100.
        stretch: start and length of the part between the first two marks.
    """

    low: float
    high: float
    marks: tuple[Mark, ...]
    dots: tuple[float, ...]
    stretch: tuple[float, float]

    @property
    def sentence(self) -> str:
        """Text alternative of the drawing."""
        return ", ".join(f"{mark.label} {mark.value:.3f}" for mark in self.marks)


def make_gauge(marks: Sequence[Mark], dots: Sequence[float] = ()) -> Gauge:
    """Scale the line to the first two marks, however close they are, and to the dots."""
    values = [*(mark.value for mark in marks[:2]), *dots]
    span = max(max(values) - min(values), _LEAST_SPAN)
    padding = span * (_DOT_PADDING if dots else _PADDING)
    digits = 100 if span < 0.3 else 10
    low = math.floor((min(values) - padding) * digits) / digits
    high = min(1.0, math.ceil((max(values) + padding) * digits) / digits)

    def place(value: float) -> float:
        return round((value - low) / max(high - low, 1e-9) * 100, 2)

    placed = tuple(replace(mark, place=place(mark.value) if low <= mark.value <= high else None) for mark in marks)
    begin, end = sorted(place(mark.value) for mark in marks[:2])
    return Gauge(low, high, placed, tuple(place(value) for value in dots), (begin, round(end - begin, 2)))
