"""Figures over time as lines of an SVG. Pure; the page draws axes and words around them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.store.operations import Sample

WIDTH, HEIGHT = 1000, 100


@dataclass(frozen=True)
class Series:
    """A line. column: its place in the table of figures; path: of an SVG, WIDTH by HEIGHT; dots: another one, of the points that
    no line leads to or from."""

    name: str
    column: int
    path: str
    dots: str


@dataclass(frozen=True)
class Tick:
    """A place from 0 to 100 along an axis, and what is written there."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines over one stretch of time from `top` down to 0."""

    key: str
    title: str
    unit: str
    series: tuple[Series, ...]
    top: float
    levels: tuple[Tick, ...]


@dataclass(frozen=True)
class Span:
    """The stretch of time that charts show, and the step between two samples."""

    start: datetime
    seconds: float
    step_seconds: float

    def place(self, moment: datetime) -> float:
        """From 0 to 1."""
        return min(max((moment - self.start).total_seconds() / self.seconds, 0.0), 1.0)


Figure = Callable[[Sample], float | None]
Line = tuple[str, int, Figure]


def make_chart(key: str, title: str, unit: str, samples: Sequence[Sample], span: Span, lines: Sequence[Line]) -> Chart:
    """Draw each line; where samples are missing it is interrupted."""
    values = [value for sample in samples for _, _, figure in lines if (value := figure(sample)) is not None]
    top = round_up(max(values, default=0.0))
    series = tuple(Series(name, column, *_paths(samples, span, figure, top)) for name, column, figure in lines)
    levels = tuple(Tick(100 - 50 * half, _number(top * half / 2)) for half in (2, 1, 0))
    return Chart(key, title, unit, series, top, levels)


def round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten, at least 1, so that an axis ends with a figure that is easily read."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def time_ticks(span: Span, count: int = 4) -> list[Tick]:
    """Moments at even places; days where the stretch is longer than two."""
    form = "%H:%M" if span.seconds <= 2 * 86400 else "%d %b"
    places = [number / count for number in range(count + 1)]
    return [
        Tick(100 * place, (span.start + timedelta(seconds=place * span.seconds)).strftime(form)) for place in places
    ]


def _paths(samples: Sequence[Sample], span: Span, figure: Figure, top: float) -> tuple[str, str]:
    """Lines, and lone points."""
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
    # A line of no length, which a round cap makes visible.
    return lines, "".join(f"M{points[0]}h0" for points in stretches if len(points) == 1)


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:g}"
