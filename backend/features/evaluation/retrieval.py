"""Execution and measurement of the queries of a task."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.features.evaluation.options import Options
from backend.features.evaluation.tasks import Asked, Field, Plan, Task
from backend.rules.measures import Candidates, Fault, find_faults, ndcg_at, precision_at, recall_at, reciprocal_rank
from backend.rules.search import FusionMethod

Rows = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """Result of the q queries of a task.

    Attributes:
        task: the task.
        method: how similarities were combined.
        alpha: weight of the image similarity.
        left_out: number of queries with nothing to find.
        drawn: whether the queries are a sample.
        names: names of the queries.
        labels: (q,) their labels.
        hits: (q, depth) rows of all pictures, -1 where there were fewer.
        gains: (q, depth) 1 for a right hit.
        relevant: (q,) number of right pictures.
        measures: (q,) values by name of the measure.
        faults: (q, faults) wrong hits among those that could have been right, by `Fault`.
        by_alpha: (q, alphas) headline measure, None if alpha plays no part.
    """

    task: Task
    method: FusionMethod
    alpha: float
    left_out: int
    drawn: bool
    names: list[str]
    labels: Rows
    hits: Rows
    gains: Values
    relevant: Rows
    measures: dict[str, Values]
    faults: Rows
    by_alpha: Values | None


def retrieve(plan: Plan, field: Field, options: Options, on_progress: Callable[[int], None]) -> Found:
    """Rank all pictures of the field for each query, exactly, at the plan's alpha and at each alpha of the sweep."""
    depth, count = options.depth, plan.count
    names: list[str] = []
    labels, relevant, first = (np.zeros(count, dtype=np.int64) for _ in range(3))
    hits = np.full((count, depth), -1, dtype=np.int64)
    gains = np.zeros((count, depth))
    faults = np.zeros((count, len(Fault)), dtype=np.int64)
    by_alpha = np.zeros((count, len(options.alphas))) if plan.task.is_fused else None
    for index, asked in enumerate(plan.queries):
        answer = _Answer(asked, field)
        best = answer.best(plan.alpha, depth)
        names.append(asked.name)
        labels[index], relevant[index] = asked.label, answer.relevant
        hits[index, : len(best)] = field.rows[best]
        gains[index, : len(best)] = answer.right[best]
        first[index] = answer.candidates(plan.alpha).first_of(answer.right_rows)
        if plan.task.is_fused:
            faults[index] = answer.count_faults(plan.alpha, best)
        if by_alpha is not None:
            by_alpha[index] = [answer.ndcg(alpha, depth) for alpha in options.alphas]
        on_progress(index + 1)
    measures = _measure(gains, relevant, first, options)
    return Found(
        plan.task,
        plan.method,
        plan.alpha,
        plan.left_out,
        plan.drawn,
        names,
        labels,
        hits,
        gains,
        relevant,
        measures,
        faults,
        by_alpha,
    )


class _Answer:
    """Candidates of one query, at any alpha."""

    def __init__(self, asked: Asked, field: Field) -> None:
        self._asked = asked
        self._id_ranks = field.id_ranks
        self._text = np.nan_to_num(asked.text)
        self._open = asked.image > -np.inf
        rows = field.of_label[asked.label]
        self.right_rows = rows[self._open[rows]]
        self.right = np.zeros(len(field.rows), dtype=np.bool_)
        self.right[self.right_rows] = True

    @property
    def relevant(self) -> int:
        return len(self.right_rows)

    def candidates(self, alpha: float) -> Candidates:
        image = np.where(self._open, np.nan_to_num(self._asked.image), 0)
        combined = np.where(self._open, alpha * image + (1 - alpha) * self._text, -np.inf)
        return Candidates(combined, image, self._id_ranks)

    def best(self, alpha: float, k: int) -> Rows:
        return self.candidates(alpha).best(k)

    def ndcg(self, alpha: float, k: int) -> float:
        gains = self.right[self.best(alpha, k)].astype(np.float64)
        return float(ndcg_at(k, gains[None], np.ones((1, min(k, self.relevant))))[0])

    def count_faults(self, alpha: float, best: Rows) -> Rows:
        """Count the wrong hits by fault, among as many first hits as could all be right."""
        top = best[: self.relevant]
        wrong = top[~self.right[top]]
        missed = np.setdiff1d(self.right_rows, top[self.right[top]])
        displaced = self.candidates(alpha).ordered(missed)[: len(wrong)]
        found = find_faults(self._asked.image, self._asked.text, alpha, wrong.tolist(), displaced.tolist())
        return np.array([found.count(fault) for fault in Fault], dtype=np.int64)


def _measure(gains: Values, relevant: Rows, first: Rows, options: Options) -> dict[str, Values]:
    ideal = (np.arange(options.depth) < relevant[:, None]).astype(np.float64)
    measures = {}
    for k in options.ks:
        measures[f"precision@{k}"] = precision_at(k, gains)
        measures[f"recall@{k}"] = recall_at(k, gains, relevant)
        measures[f"ndcg@{k}"] = ndcg_at(k, gains, ideal)
    measures["reciprocal_rank"] = reciprocal_rank(first)
    return measures
