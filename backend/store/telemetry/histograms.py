"""Histograms of durations and batch sizes, in the database: worker processes come and go, and all API processes must report the same
values. There is one row per measure."""

import enum
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.store.statements import Statements

_SQL = Statements(__file__)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PATIENCE = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Measure(enum.StrEnum):
    """Measures: durations per picture (fetch, decode) or per batch (encode, record, assign), and others."""

    FETCH = "fetch"
    DECODE = "decode"
    ENCODE = "encode"
    RECORD = "record"
    ASSIGN = "assign"
    UPLOAD_TO_READY = "upload_to_ready"
    ASSIGN_BATCH = "assign_batch"
    LOCK_WAIT = "lock_wait"

    @property
    def bounds(self) -> tuple[float, ...]:
        """Upper bounds of the buckets. One more bucket takes larger values."""
        if self is Measure.ASSIGN_BATCH:
            return _COUNTS
        return _PATIENCE if self is Measure.UPLOAD_TO_READY else _SECONDS


@dataclass(frozen=True)
class Histogram:
    """Counts per bucket (one more than bounds), and the sum of all values."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


def add_values(session: Session, measured: Mapping[Measure, Sequence[float]]) -> None:
    """Add values. Rows are written in alphabetical order, so that writers cannot deadlock."""
    for measure in sorted(measured):
        values = measured[measure]
        if not values:
            continue
        counts = [0] * (len(measure.bounds) + 1)
        for value in values:
            counts[bisect_left(measure.bounds, value)] += 1
        session.execute(
            text(_SQL("add_values")),
            {"name": measure.value, "bounds": list(measure.bounds), "counts": counts, "total": float(sum(values))},
        )


def fetch_histograms(session: Session) -> dict[Measure, Histogram]:
    """All histograms, empty ones included."""
    rows = {row.name: row for row in session.execute(text("SELECT name, bounds, counts, total FROM histogram"))}
    found = {}
    for measure in Measure:
        row = rows.get(measure.value)
        if row is None or tuple(row.bounds) != measure.bounds:
            found[measure] = Histogram(measure.bounds, (0,) * (len(measure.bounds) + 1), 0.0)
        else:
            found[measure] = Histogram(measure.bounds, tuple(row.counts), row.total)
    return found
