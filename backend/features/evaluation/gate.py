"""Regression gate: comparison of two evaluations, query by query."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.documents import read_json
from backend.errors import FileUnreadable, InputError
from backend.features.evaluation.result import SCHEMA_VERSION
from backend.rules.measures import Bootstrap, Interval

# With fewer queries, resampling cannot tell chance from change.
LEAST_SHARED = 5


@dataclass(frozen=True)
class Change:
    """Change of one task.

    Attributes:
        task: the task.
        measure: the measure that is compared.
        shared: number of queries in both evaluations.
        before: mean of the earlier evaluation.
        now: mean of the later evaluation.
        difference: later minus earlier, with its interval.
    """

    task: str
    measure: str
    shared: int
    before: float
    now: float
    difference: Interval

    @property
    def is_regression(self) -> bool:
        return self.difference.high < 0

    @property
    def is_improvement(self) -> bool:
        return self.difference.low > 0


@dataclass(frozen=True)
class Gate:
    """Result of a comparison: changes of the comparable tasks, and the reason for each task left out."""

    changes: tuple[Change, ...]
    left_out: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        return not any(one.is_regression for one in self.changes)


def read_saved(path: Path) -> dict[str, Any]:
    """Read an evaluation that was written with --json.

    Raises:
        FileUnreadable: the file cannot be opened.
        InputError: the file is not an evaluation.
    """
    try:
        document = read_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read: {error.strerror}.", hint="Name another file.") from error
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"{path} is not a saved evaluation of version {SCHEMA_VERSION}.",
            hint="Write one with `mediacluster evaluate --json FILE`.",
        )
    return document


def compare(before: dict[str, Any], now: dict[str, Any], bootstrap: Bootstrap) -> Gate:
    """Compare the headline measure of each task on shared queries, by a paired bootstrap of the differences.

    The level holds for all tasks together: each is tested at 1 - (1 - level) / tasks (Bonferroni), so that more tasks do not cause
    more false alarms.

    Raises:
        InputError: there is nothing to compare. A gate must not pass then.
    """
    measure = str(before["headline"])
    pairs, left_out = {}, []
    for task, earlier in before["retrieval"].items():
        later = now["retrieval"].get(task)
        if later is None:
            left_out.append(f"{task} was not evaluated this time")
            continue
        if measure not in later["by_query"]:
            raise InputError(
                f"The saved evaluation is compared by {measure}, which was not measured this time.",
                hint=f"Add -k {measure.partition('@')[2]}.",
            )
        values = _pair(earlier["by_query"], later["by_query"], measure)
        if len(values) < LEAST_SHARED:
            left_out.append(f"{task} has {len(values)} queries in common with the saved evaluation")
        else:
            pairs[task] = values
    if not pairs:
        raise InputError(
            "The evaluations have too few queries in common: "
            + "; ".join(left_out or ["the saved one has none"])
            + ".",
            hint=f"Compare evaluations of the same labels; {LEAST_SHARED} shared queries are the least.",
        )
    strict = Bootstrap(bootstrap.seed, bootstrap.resamples, 1 - (1 - bootstrap.level) / len(pairs))
    changes = [
        Change(
            task,
            measure,
            len(values),
            float(values[:, 0].mean()),
            float(values[:, 1].mean()),
            strict.mean(values[:, 1] - values[:, 0]),
        )
        for task, values in pairs.items()
    ]
    return Gate(tuple(changes), tuple(left_out))


def _pair(before: dict[str, Any], now: dict[str, Any], measure: str) -> np.ndarray:
    """Values (n, 2) of the queries with a unique name in both evaluations."""
    sides = []
    for side in (before, now):
        times = Counter(side["names"])
        sides.append(
            {name: value for name, value in zip(side["names"], side[measure], strict=True) if times[name] == 1}
        )
    shared = [name for name in sides[0] if name in sides[1]]
    return np.array([(sides[0][name], sides[1][name]) for name in shared], dtype=np.float64).reshape(-1, 2)
