"""Time series as SVG paths. Templates draw axes and labels around them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.store.operations import Sample

WIDTH, HEIGHT = 1000, 100


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: label.
        column: its index in the table of values.
        path: SVG path, WIDTH by HEIGHT.
        dots: SVG path of points without neighbours.
    """

    name: str
    column: int
    path: str
    dots: str


@dataclass(frozen=True)
class Tick:
    """A position from 0 to 100 along an axis, and its label."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines over one time range, on an axis from 0 to `top`."""

    key: str
    title: str
    unit: str
    series: tuple[Series, ...]
    top: float
    levels: tuple[Tick, ...]


@dataclass(frozen=True)
class Span:
    """Time range of charts, and the step between two samples."""

    start: datetime
    seconds: float
    step_seconds: float

    def place(self, moment: datetime) -> float:
        """Position of a moment, 0 to 1."""
        return min(max((moment - self.start).total_seconds() / self.seconds, 0.0), 1.0)


Figure = Callable[[Sample], float | None]
Line = tuple[str, int, Figure]


def make_chart(key: str, title: str, unit: str, samples: Sequence[Sample], span: Span, lines: Sequence[Line]) -> Chart:
    """Make a chart of these lines. A line is interrupted where samples are missing."""
    values = [value for sample in samples for _, _, figure in lines if (value := figure(sample)) is not None]
    top = round_up(max(values, default=0.0))
    series = tuple(Series(name, column, *_paths(samples, span, figure, top)) for name, column, figure in lines)
    levels = tuple(Tick(100 - 50 * half, _number(top * half / 2)) for half in (2, 1, 0))
    return Chart(key, title, unit, series, top, levels)


def round_up(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten, at least 1, for an axis with round numbers."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def time_ticks(span: Span, count: int = 4) -> list[Tick]:
    """Evenly spaced ticks: times of day, or dates if the range is longer than two days."""
    form = "%H:%M" if span.seconds <= 2 * 86400 else "%d %b"
    places = [number / count for number in range(count + 1)]
    return [
        Tick(100 * place, (span.start + timedelta(seconds=place * span.seconds)).strftime(form)) for place in places
    ]


def _paths(samples: Sequence[Sample], span: Span, figure: Figure, top: float) -> tuple[str, str]:
    """SVG paths of the lines, and of points without neighbours."""
    stretches: list[list[str]] = []
    before: datetime | None = None
    for sample in samples:
        value = figure(sample)
        if value is None:
            before = None
            continue
        x, y = WIDTH * span.place(sample.moment), HEIGHT * (1 - min(value / top, 1.0))
        if before is None or (sample.moment - before).total_seconds() > 2.5 * span.step_seconds:
            stretches.append([])
        stretches[-1].append(f"{x:.1f} {y:.1f}")
        before = sample.moment
    lines = "".join("M" + "L".join(points) for points in stretches if len(points) > 1)
    # A line of zero length, which a round cap makes visible.
    return lines, "".join(f"M{points[0]}h0" for points in stretches if len(points) == 1)


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:g}"
