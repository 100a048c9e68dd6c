# ruff: noqa: INP001 - scripts, not a package
"""Common parts of all benchmarks: rows with ratios, the table, and the description of the machine."""

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
    """A line of the table: our value and that of another method, on the same data in the same run.

    Attributes:
        what: what is measured.
        ours: our value.
        unit: unit of both values.
        better: whether less or more is better.
        against: the other method.
        theirs: its value, None for a value without comparison.
        quality: a second measure to consider, such as recall@10.
        our_quality: our value of it.
        their_quality: their value of it.
        note: conditions of the measurement.
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
        """How many times better ours is: 2 means half the time or twice the rate; below 1, the other is better."""
        if self.theirs is None or not self.ours or not self.theirs:
            return None
        return self.theirs / self.ours if self.better == "less" else self.ours / self.theirs


class Benchmark(Protocol):
    """A module of this folder that is named in the catalogue. The first line of its docstring describes it."""

    __doc__: str | None

    def run(self, scale: float) -> Iterable[Row]:
        """Measure. At scale 1 it takes at most two minutes; otherwise it uses that many times as much data."""


@dataclass(frozen=True)
class Outcome:
    """The rows of a benchmark, its duration, and the error if it failed or lacks a package."""

    name: str
    rows: list[Row]
    seconds: float
    trouble: str = ""


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, versions, and current load, which makes every value worse."""
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
    """The JSON document: all values of the table, and the machine."""
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
    """The machine in one line, for above the table."""
    load = machine["load_average"][0]
    busy = f"; it was busy (load {load} on {machine['cores']} cores)" if load > 1 else ""
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, Python {machine['python']}{busy}"


def render_table(outcomes: Sequence[Outcome]) -> str:
    """All rows as a Markdown table, followed by what could not be measured."""
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
    """Three significant digits, an integer from 100 on."""
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
