# ruff: noqa: INP001 - scripts, not a package
"""What all benchmarks have in common: a row of a ratio, the table, and what machine it was on."""

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Protocol

_PACKAGES = ("torch", "numpy", "scikit-learn", "pgvector", "psycopg", "sentence-transformers", "open_clip_torch")
_MEMORY = Path("/proc/meminfo")
_PROCESSOR = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure of ours beside that of another way, on the same data in the same run.

    ours, theirs: in `unit`, of which `better` is better. quality: what else has to be looked at, such as recall@10, with
    its two figures. theirs None: a figure that stands alone. note: what one must know to read it.
    """

    what: str
    ours: float
    unit: str
    better: Literal["less", "more"]
    against: str = ""
    theirs: float | None = None
    quality: str = ""
    our_quality: float | None = None
    their_quality: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is: 2 is half the time, or twice as many; below 1 the other is better."""
        if self.theirs is None or not self.ours or not self.theirs:
            return None
        return self.theirs / self.ours if self.better == "less" else self.ours / self.theirs


class Benchmark(Protocol):
    """A module of this folder that is named in the catalogue. The first line of its docstring says what it is about."""

    __doc__: str | None

    def run(self, scale: float) -> Iterable[Row]:
        """Measure. At scale 1 it takes two minutes at most; otherwise there is that many times as much data."""


@dataclass(frozen=True)
class Outcome:
    """The rows of one benchmark, how long it ran, and why there are none where it broke or lacks a package."""

    name: str
    rows: list[Row]
    seconds: float
    trouble: str = ""


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, versions, and how busy it is now: others at work make every figure worse."""
    return {
        "processor": _read_field(_PROCESSOR, "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _read_field(_MEMORY, "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def as_document(outcomes: Sequence[Outcome], before: dict[str, Any], scale: float) -> dict[str, Any]:
    """What is written as JSON: every figure of the table, and what it was measured on."""
    return {
        "machine": before,
        "load_average_after": [round(load, 1) for load in os.getloadavg()],
        "scale": scale,
        "benchmarks": [
            {
                "name": outcome.name,
                "seconds": round(outcome.seconds, 1),
                "trouble": outcome.trouble,
                "rows": [{**asdict(row), "ratio": row.ratio} for row in outcome.rows],
            }
            for outcome in outcomes
        ],
    }


def render_machine(machine: dict[str, Any]) -> str:
    """One line above the table."""
    load = machine["load_average"][0]
    busy = f"; it was busy (load {load} on {machine['cores']} cores)" if load > 1 else ""
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, Python {machine['python']}{busy}"


def render_table(outcomes: Sequence[Outcome]) -> str:
    """All rows as one Markdown table, and below it what could not be measured."""
    cells = [["benchmark", "measured", "ours", "against", "theirs", "ratio", "quality: ours, theirs", "note"]]
    cells.append(["---"] * len(cells[0]))
    cells += [_cells(outcome.name, row) for outcome in outcomes for row in outcome.rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells) + "".join(_troubles(outcomes))


def _cells(name: str, row: Row) -> list[str]:
    quality = ", ".join(_number(value) for value in (row.our_quality, row.their_quality) if value is not None)
    return [
        name,
        row.what,
        f"{_number(row.ours)} {row.unit}",
        row.against,
        "" if row.theirs is None else f"{_number(row.theirs)} {row.unit}",
        "" if row.ratio is None else f"**{_number(row.ratio)}**",
        f"{row.quality}: {quality}" if row.quality else "",
        row.note,
    ]


def _troubles(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.trouble:
            yield f"\n{outcome.name}: {outcome.trouble}\n"


def _number(value: float) -> str:
    """Three significant digits; whole from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _read_field(path: Path, name: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
