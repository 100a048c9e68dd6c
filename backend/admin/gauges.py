"""Similarities drawn on a line, so that where they lie is seen before any figure is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LEAST_SPAN = 0.02
_PADDING = 0.15


@dataclass(frozen=True)
class Mark:
    """A value on the line. kind: what it is drawn as (`own`, `threshold`, `typical`, `runner-up`)."""

    kind: str
    label: str
    value: float
    place: float = 0.0


@dataclass(frozen=True)
class Gauge:
    """Marks and dots at places from 0 to 100 between `low` and `high`; stretch: begin and length between the first two."""

    low: float
    high: float
    marks: tuple[Mark, ...]
    dots: tuple[float, ...]
    stretch: tuple[float, float]

    @property
    def sentence(self) -> str:
        """What is drawn, for those who cannot see it."""
        return ", ".join(f"{mark.label} {mark.value:.3f}" for mark in self.marks)


def make_gauge(marks: Sequence[Mark], dots: Sequence[float] = ()) -> Gauge:
    """Fit the line to what lies on it, however near together that is. The first two marks are what it is about."""
    values = [*(mark.value for mark in marks), *dots]
    span = max(max(values) - min(values), _LEAST_SPAN)
    digits = 100 if span < 0.3 else 10
    low = math.floor((min(values) - _PADDING * span) * digits) / digits
    high = min(1.0, math.ceil((max(values) + _PADDING * span) * digits) / digits)

    def place(value: float) -> float:
        return round(min(max((value - low) / max(high - low, 1e-9), 0.0), 1.0) * 100, 2)

    placed = tuple(Mark(mark.kind, mark.label, mark.value, place(mark.value)) for mark in marks)
    begin, end = sorted(mark.place for mark in placed[:2])
    return Gauge(low, high, placed, tuple(place(value) for value in dots), (begin, round(end - begin, 2)))
