"""Plots of the report as plain SVG, without scripts. Colours are CSS classes, so that they follow the theme."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from backend.rules.measures import BINS, LOW, Histogram

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 34, 28
_COLOURS = 12
_MAP_SIDE = 420
# Size of a letter of a name on the map, in its units.
_LETTER, _LINE = 6.0, 12.0


@dataclass(frozen=True)
class Mark:
    """A vertical line with text above it. `kind` is `now` or `best`."""

    at: float
    words: str
    kind: str


@dataclass(frozen=True)
class Frame:
    """The value range of a plot."""

    low: float
    high: float
    bottom: float
    top: float

    def x(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(_LEFT + min(max(share, 0), 1) * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.bottom) / ((self.top - self.bottom) or 1)
        return round(_HEIGHT - _BOTTOM - min(max(share, 0), 1) * (_HEIGHT - _TOP - _BOTTOM), 1)


def curve(
    points: Sequence[tuple[float, float, float, float]],
    marks: Sequence[Mark],
    title: str,
    ends: tuple[str, str] = ("", ""),
) -> Markup:
    """A line through (at, value, low, high) with its interval as a band. `ends` are texts at both ends of the axis."""
    lows, highs = [one[2] for one in points], [one[3] for one in points]
    bottom = max(0.0, math.floor(min(lows) * 10 - 0.2) / 10)
    top = min(1.0, math.ceil(max(highs) * 10 + 0.2) / 10)
    frame = Frame(points[0][0], points[-1][0], bottom, max(top, bottom + 0.1))
    band = " ".join(f"{frame.x(at)},{frame.y(high)}" for at, _, _, high in points)
    band += " " + " ".join(f"{frame.x(at)},{frame.y(low)}" for at, _, low, _ in reversed(points))
    line = " ".join(f"{frame.x(at)},{frame.y(value)}" for at, value, _, _ in points)
    dots = "".join(
        f'<circle class="dot" cx="{frame.x(at)}" cy="{frame.y(value)}" r="2.5"><title>{at:g}: {value:.3f} ({low:.3f} to {high:.3f})</title></circle>'
        for at, value, low, high in points
    )
    body = f'<polygon class="band" points="{band}"/><polyline class="line" points="{line}"/>{dots}'
    return _plot(title, frame, body, marks, ends=ends)


def draw_alphas(document: dict[str, Any], task: str) -> Markup:
    """The alpha curve of a task of an evaluation (see `Evaluation.as_json`)."""
    sweep = document["alpha"][task]
    points = [(one["alpha"], one["value"], one["low"], one["high"]) for one in sweep["points"]]
    marks = _marks(document["library"]["alpha"], sweep["best"]["value"])
    return curve(points, marks, f"{sweep['measure']} by alpha", ("words alone", "looks alone"))


def draw_thresholds(document: dict[str, Any]) -> Markup:
    """The threshold curve of an evaluation."""
    sweep = document["threshold"]
    points = [(one["threshold"], one["value"], one["low"], one["high"]) for one in sweep["points"]]
    marks = _marks(document["library"]["threshold"], sweep["best"]["value"])
    return curve(points, marks, "Adjusted Rand index by threshold", ("wider groups", "narrower groups"))


def _marks(now: float, best: float) -> list[Mark]:
    if now == best:
        return [Mark(now, f"now and best {now:g}", "best")]
    return [Mark(now, f"now {now:g}", "now"), Mark(best, f"best {best:g}", "best")]


def histograms(same: Histogram, background: Histogram, marks: Sequence[Mark], title: str) -> Markup:
    """Histograms of both samples on one axis: pairs with one label above pairs with two."""
    step = (1 - LOW) / BINS
    used = np.flatnonzero(np.maximum(same.shares, background.shares) > 1e-4)
    first = int(used[0]) if len(used) else 0
    low = math.floor((LOW + first * step) * 10) / 10
    highest = float(max(same.shares.max(), background.shares.max()))
    frame = Frame(low, 1.0, 0.0, highest)
    body = "".join(
        f'<polygon class="{name}" points="{_steps(one, frame, step)}"/>'
        for name, one in (("background", background), ("same", same))
    )
    return _plot(title, frame, body, marks, percent=True)


def scatter(points: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str], title: str) -> Markup:
    """A map with one colour per label, as far as they last, and names at the medians of their points."""
    side = _MAP_SIDE

    def at(value: float) -> float:
        return round(side / 2 + value * (side / 2 - 14), 1)

    dots = "".join(
        f'<circle class="c{label % _COLOURS}" cx="{at(x)}" cy="{at(-y)}" r="3"><title>{escape(names[label])}</title></circle>'
        for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True)
    )
    return Markup(  # noqa: S704 - of numbers and what is escaped above
        f'<svg class="map" viewBox="0 0 {side} {side}" role="img" aria-label="{escape(title)}">{dots}'
        f"{''.join(_place_names(points, labels, names, at))}</svg>"
    )


def _place_names(
    points: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str], at: Callable[[float], float]
) -> Iterator[str]:
    """The name of each label, most frequent first, unless it would cover another name."""
    taken: list[tuple[float, float, float]] = []
    found, counts = np.unique(labels, return_counts=True)
    for label in found[np.argsort(-counts, kind="stable")].tolist():
        # Use the member nearest the median. If a label has two islands, the name then lies on one of them.
        own = points[labels == label]
        middle = own[np.argmin(((own - np.median(own, axis=0)) ** 2).sum(axis=1))]
        x, y = at(float(middle[0])), max(at(-float(middle[1])) - 8, 12)
        half = len(names[label]) * _LETTER / 2
        x = min(max(x, half + 2), _MAP_SIDE - half - 2)
        if all(abs(x - other) > half + width or abs(y - height) > _LINE for other, height, width in taken):
            taken.append((x, y, half))
            yield f'<text class="place" x="{x:.1f}" y="{y}" text-anchor="middle">{escape(names[label])}</text>'


def whisker(value: float, low: float, high: float) -> Markup:
    """A value with its interval, from 0 to 1, for a table row."""
    return Markup(  # noqa: S704 - of numbers
        '<svg class="whisker" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" y="5" width="100" height="2"/>'
        f'<rect class="span" x="{low * 100:.1f}" y="3" width="{max(high - low, 0.004) * 100:.1f}" height="6"/>'
        f'<rect class="value" x="{min(value * 100, 98.5):.1f}" width="1.5" height="12"/></svg>'
    )


def _steps(histogram: Histogram, frame: Frame, step: float) -> str:
    ground = frame.y(0)
    points = [f"{frame.x(frame.low)},{ground}"]
    for index, share in enumerate(histogram.shares.tolist()):
        left = LOW + index * step
        if left + step > frame.low:
            height = frame.y(share)
            points.append(f"{frame.x(left)},{height} {frame.x(left + step)},{height}")
    return " ".join([*points, f"{frame.x(1.0)},{ground}"])


def _plot(
    title: str,
    frame: Frame,
    body: str,
    marks: Sequence[Mark],
    *,
    percent: bool = False,
    ends: tuple[str, str] = ("", ""),
) -> Markup:
    lines = []
    for level in _ticks(frame.bottom, frame.top, 4):
        y = frame.y(level)
        words = f"{level:.1%}" if percent else f"{level:.2f}"
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 3.5}" text-anchor="end">{words}</text>')
    lines += [
        f'<text x="{frame.x(value)}" y="{_HEIGHT - 10}" text-anchor="middle">{value:g}</text>'
        for value in _ticks(frame.low, frame.high, 8)
    ]
    drawn = []
    for index, mark in enumerate(sorted(marks, key=lambda one: one.at)):
        x = frame.x(mark.at)
        anchor = "end" if x > _WIDTH * 0.7 else "start"
        # Stagger the texts of neighbouring marks.
        y = 12 if index % 2 == 0 else 28
        drawn.append(f'<line class="mark {mark.kind}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        shift = -4 if anchor == "end" else 4
        drawn.append(
            f'<text class="mark {mark.kind}" x="{x + shift}" y="{y}" text-anchor="{anchor}">{escape(mark.words)}</text>'
        )
    if any(ends):
        drawn.append(f'<text class="quiet" x="{_LEFT}" y="{_HEIGHT - 34}">{escape(ends[0])}</text>')
        drawn.append(
            f'<text class="quiet" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 34}" text-anchor="end">{escape(ends[1])}</text>'
        )
    return Markup(  # noqa: S704 - of numbers and what is escaped above
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(lines)}{body}{''.join(drawn)}</svg>"
    )


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round values within a range, at most `most` steps."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= rough - 1e-12)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]
