"""How well a space finds beside the active one: the same queries, among the same media, query by query."""

from dataclasses import dataclass

from backend.features.evaluation import OnProgress, Options, Source, evaluate_pair, evaluate_pair_by_any
from backend.features.evaluation import compare as compare_saved
from backend.features.services import Services
from backend.rules.measures import Interval

_OPTIONS = Options(alphas=())


@dataclass(frozen=True)
class TaskFound:
    """One task of the evaluation in both spaces. difference: candidate less active, resampled by query; verdict: `better`,
    `worse`, or `same` where chance explains it."""

    task: str
    measure: str
    queries: int
    active: float
    candidate: float
    difference: Interval
    verdict: str


@dataclass(frozen=True)
class Finding:
    """origin: where the labels are from; media: labelled ones with vectors in both spaces; left_out: tasks that cannot be
    compared, and why."""

    origin: str
    media: int
    tasks: tuple[TaskFound, ...]
    left_out: tuple[str, ...]


def find_difference(
    services: Services, name: str, source: Source | None, on_progress: OnProgress, options: Options = _OPTIONS
) -> Finding | None:
    """Evaluate the active space and the named one.

    source: of labels; None takes judgements, folders, curated groups, the first of them that tells anything, and returns
    None where none does.

    Raises:
        NotFound, Conflict, InputError, FileUnreadable: as `evaluate`; InputError also where there are too few queries.
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
