"""Search quality of a space compared with the active one: the same queries among the same pictures, query by query."""

from dataclasses import dataclass

from backend.features.evaluation import OnProgress, Options, Source, evaluate_pair, evaluate_pair_by_any
from backend.features.evaluation import compare as compare_saved
from backend.features.services import Services
from backend.rules.measures import Interval

_OPTIONS = Options(alphas=())


@dataclass(frozen=True)
class TaskFound:
    """Difference in one task of the evaluation.

    Attributes:
        task: the task.
        measure: the measure.
        queries: number of queries.
        active: mean of the active space.
        candidate: mean of the candidate.
        difference: candidate minus active, resampled by query.
        verdict: `better`, `worse`, or `same` if chance explains it.
    """

    task: str
    measure: str
    queries: int
    active: float
    candidate: float
    difference: Interval
    verdict: str


@dataclass(frozen=True)
class Finding:
    """Difference in search quality.

    Attributes:
        origin: where the labels come from.
        media: number of labelled pictures with vectors in both spaces.
        tasks: difference by task.
        left_out: tasks that cannot be compared, and why.
    """

    origin: str
    media: int
    tasks: tuple[TaskFound, ...]
    left_out: tuple[str, ...]


def find_difference(
    services: Services, name: str, source: Source | None, on_progress: OnProgress, options: Options = _OPTIONS
) -> Finding | None:
    """Evaluate the active space and another one.

    `source` names the labels. With None, the first of judgements, folders and curated groups with enough data is used, and None is
    returned if there is none.

    Raises:
        NotFound, Conflict, InputError, FileUnreadable: like `evaluate`. InputError also if there are too few queries.
    """
    if source is None:
        pair = evaluate_pair_by_any(services, name, options, on_progress)
        if pair is None:
            return None
    else:
        pair = evaluate_pair(services, name, source, options, on_progress)
    here, there = pair
    gate = compare_saved(here.as_json(), there.as_json(), options.bootstrap)
    tasks = tuple(
        TaskFound(
            one.task,
            one.measure,
            one.shared,
            one.before,
            one.now,
            one.difference,
            "worse" if one.is_regression else "better" if one.is_improvement else "same",
        )
        for one in gate.changes
    )
    return Finding(here.truth.origin, here.truth.media_count, tasks, gate.left_out)
