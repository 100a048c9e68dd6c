"""A whole evaluation, from labels to results."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from backend.encoders import Encoders
from backend.errors import ConfigurationError, InputError
from backend.features.evaluation.grouping import compare_groupings, sweep_thresholds
from backend.features.evaluation.judged import JUDGEMENTS, embed_kept, field_of, find_judged, plan_judged, truth_of
from backend.features.evaluation.library import Reading, read, read_pair
from backend.features.evaluation.options import Options
from backend.features.evaluation.result import Evaluation
from backend.features.evaluation.retrieval import Found, retrieve
from backend.features.evaluation.tasks import OF_LABELS, Field, Plan, Task, embed_labels, plan, read_wordings
from backend.features.evaluation.truth import FOLDERS, GROUPS, find_truth
from backend.features.evaluation.verdicts import measure_verdicts
from backend.features.services import Services
from backend.store.review import list_judgements
from backend.store.spaces import get_space

OnProgress = Callable[[str, int, int], None]
"""Called with the stage, the number done and the total."""


@dataclass(frozen=True)
class Source:
    """Where labels come from.

    Attributes:
        labels: `folders`, `groups`, `judgements` or a file (see `find_truth`).
        column: column of the file with the label.
        wordings: file of search texts by label, None to use the labels' names.
    """

    labels: str = FOLDERS
    column: str = "label"
    wordings: Path | None = None


def evaluate(
    services: Services,
    source: Source,
    options: Options,
    on_progress: OnProgress | None = None,
    *,
    space: str | None = None,
) -> Evaluation:
    """Read the library and measure it. Writes nothing.

    `space` names the space whose vectors are measured, None for the active one. Groups are always the current ones.

    Raises:
        NotFound: the space does not exist, or none is active.
        Conflict: the space has no vectors.
        InputError: options or labels are invalid, or there are too few labels.
        FileUnreadable: a file of labels or wordings cannot be opened.
    """
    report = on_progress or _ignore_progress
    options = options.checked()
    report("reading", 0, 1)
    return _evaluate(services, read(services, space), source, options, report)


def evaluate_pair(
    services: Services, name: str, source: Source, options: Options, on_progress: OnProgress | None = None
) -> tuple[Evaluation, Evaluation]:
    """Evaluate search in the active space and another one, by the same labels and queries, among the pictures with vectors in both.
    Groups and thresholds are not measured. Raises like `evaluate`."""
    report = on_progress or _ignore_progress
    options = options.checked()
    report("reading", 0, 1)
    made = [
        _evaluate(services, reading, source, options, partial(_report_with_space, reading.space, report), groups=False)
        for reading in read_pair(services, name)
    ]
    return made[0], made[1]


def evaluate_pair_by_any(
    services: Services, name: str, options: Options, on_progress: OnProgress | None = None
) -> tuple[Evaluation, Evaluation] | None:
    """Evaluate by judgements, folders or curated groups, the first with enough data. None if there is none. Judgements come first,
    because they were made for this."""
    for labels in (JUDGEMENTS, FOLDERS, GROUPS):
        try:
            return evaluate_pair(services, name, Source(labels), options, on_progress)
        except InputError:
            continue
    return None


def _ignore_progress(_stage: str, _done: int, _total: int) -> None:
    pass


def _report_with_space(space: str, report: OnProgress, stage: str, done: int, total: int) -> None:
    if stage == "reading":
        report(stage, done, total)
    else:
        report(f"{space}: {stage}", done, total)


def _evaluate(
    services: Services, reading: Reading, source: Source, options: Options, report: OnProgress, *, groups: bool = True
) -> Evaluation:
    # Include the library's own alpha in the comparison.
    options = replace(options, alphas=tuple(sorted({*options.alphas, reading.alpha})))
    if source.labels == JUDGEMENTS:
        return _evaluate_judged(services, reading, options, report)
    truth = find_truth(reading, source.labels, source.column)
    wordings = {} if source.wordings is None else read_wordings(source.wordings, truth.names)
    report("reading", 1, 1)
    notes = _notes_on(reading)
    encoders = _open_encoders(services, reading, notes)
    words = None if encoders is None else embed_labels(truth.names, wordings, encoders)
    field = Field.of(reading, truth)
    found = []
    for task in OF_LABELS:
        planned = plan(task, reading, field, words, options)
        if planned is not None:
            found.append(_retrieve(planned, field, options, report))
        elif words is not None or task not in {Task.TEXT_TO_IMAGE, Task.HYBRID}:
            notes.append(f"{task.value} was not evaluated: no picture has the data it needs.")
    if not groups:
        return Evaluation(reading, truth, options, tuple(found), None, None, None, tuple(notes))
    verdicts = None if words is None else measure_verdicts(reading, truth, words, options)
    groupings = compare_groupings(reading, truth, options, partial(report, "groups"))
    thresholds = sweep_thresholds(reading, truth, options, partial(report, "thresholds"))
    return Evaluation(reading, truth, options, tuple(found), groupings, thresholds, verdicts, tuple(notes))


def evaluate_by_any(services: Services, options: Options, on_progress: OnProgress | None = None) -> Evaluation | None:
    """Evaluate by folders, curated groups or judgements, the first with enough data. None if there is none."""
    for labels in (FOLDERS, GROUPS, JUDGEMENTS):
        try:
            return evaluate(services, Source(labels), options, on_progress)
        except InputError:
            continue
    return None


def _evaluate_judged(services: Services, reading: Reading, options: Options, report: OnProgress) -> Evaluation:
    """Evaluate search only, because judgements of hits say nothing about groups."""
    with services.database.transaction() as session:
        judged = find_judged(reading, list(list_judgements(session)))
    report("reading", 1, 1)
    notes = _notes_on(reading)
    encoders = _open_encoders(services, reading, notes)
    field = field_of(reading, judged)
    pictures = {} if encoders is None else embed_kept(services, encoders, judged)
    plans = (
        plan_judged(task, reading, field, judged, encoders, options, pictures)
        for task in (Task.HYBRID, Task.MEDIA_TO_MEDIA, Task.PICTURE, Task.PICTURE_AND_WORDS)
    )
    found = tuple(_retrieve(planned, field, options, report) for planned in plans if planned is not None)
    if not found:
        raise InputError("No judged query could be evaluated.", hint=" ".join(notes) or None)
    notes.append("Judgements tell nothing about groups, so groups and the threshold are not measured.")
    return Evaluation(reading, truth_of(judged, len(reading.media_ids)), options, found, None, None, None, tuple(notes))


def _notes_on(reading: Reading) -> list[str]:
    if not reading.missing:
        return []
    return [f"{reading.missing:,} pictures have no vectors in space '{reading.space}' and are left out."]


def _open_encoders(services: Services, reading: Reading, notes: list[str]) -> Encoders | None:
    """Load the encoders. None, with a note, if that fails."""
    try:
        with services.database.transaction() as session:
            encoders = services.encoders_of(get_space(session, reading.space))
        encoders.load()
    except ConfigurationError as error:
        notes.append(f"Text queries and uploaded pictures were not evaluated: {error}")
        return None
    return encoders


def _retrieve(planned: Plan, field: Field, options: Options, report: OnProgress) -> Found:
    return retrieve(planned, field, options, lambda done: report(planned.task.value, done, planned.count))
