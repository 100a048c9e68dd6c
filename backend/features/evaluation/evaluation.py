"""One evaluation from beginning to end."""

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
from backend.features.evaluation.tasks import OF_LABELS, Field, Plan, Task, plan, read_wordings, speak
from backend.features.evaluation.truth import FOLDERS, GROUPS, find_truth
from backend.features.services import Services
from backend.store.review import list_judgements
from backend.store.spaces import get_space

OnProgress = Callable[[str, int, int], None]
"""Hears the stage, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Source:
    """Where labels come from (see `find_truth`; `judgements` for what curators said of hits), and a file of wordings for them, if any."""

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
    """Read the library and measure it. Nothing is written.

    space: the one whose vectors are measured, None for the active one. Its groups are today's.

    Raises:
        NotFound: there is no such space, or no active one yet.
        Conflict: the space has no vectors yet.
        InputError: options or labels make no sense, or there are too few labels.
        FileUnreadable: a file of labels or wordings cannot be opened.
    """
    tell = on_progress or _tell_nobody
    options = options.checked()
    tell("reading", 0, 1)
    return _evaluate(services, read(services, space), source, options, tell)


def evaluate_pair(
    services: Services, name: str, source: Source, options: Options, on_progress: OnProgress | None = None
) -> tuple[Evaluation, Evaluation]:
    """How the active space and another one find, by the same labels, the same queries, and among the same media: those that
    have vectors in both. Groups and thresholds are not measured. Raises as `evaluate`."""
    tell = on_progress or _tell_nobody
    options = options.checked()
    tell("reading", 0, 1)
    made = [
        _evaluate(services, reading, source, options, partial(_tell_of, reading.space, tell), groups=False)
        for reading in read_pair(services, name)
    ]
    return made[0], made[1]


def evaluate_pair_by_any(
    services: Services, name: str, options: Options, on_progress: OnProgress | None = None
) -> tuple[Evaluation, Evaluation] | None:
    """By judgements, which were made for it, else by folders, else by curated groups; None where none of them tells anything."""
    for labels in (JUDGEMENTS, FOLDERS, GROUPS):
        try:
            return evaluate_pair(services, name, Source(labels), options, on_progress)
        except InputError:
            continue
    return None


def _tell_nobody(_stage: str, _done: int, _total: int) -> None:
    pass


def _tell_of(space: str, tell: OnProgress, stage: str, done: int, total: int) -> None:
    if stage == "reading":
        tell(stage, done, total)
    else:
        tell(f"{space}: {stage}", done, total)


def _evaluate(
    services: Services, reading: Reading, source: Source, options: Options, tell: OnProgress, *, groups: bool = True
) -> Evaluation:
    # The library's own is among what is compared, whatever it is.
    options = replace(options, alphas=tuple(sorted({*options.alphas, reading.alpha})))
    if source.labels == JUDGEMENTS:
        return _evaluate_judged(services, reading, options, tell)
    truth = find_truth(reading, source.labels, source.column)
    wordings = {} if source.wordings is None else read_wordings(source.wordings, truth.names)
    tell("reading", 1, 1)
    notes = _notes_on(reading)
    encoders = _open_encoders(services, reading, notes)
    words = None if encoders is None else speak(truth.names, wordings, encoders)
    field = Field.of(reading, truth)
    found = []
    for task in OF_LABELS:
        planned = plan(task, reading, field, words, options)
        if planned is not None:
            found.append(_retrieve(planned, field, options, tell))
        elif words is not None or task not in {Task.TEXT_TO_IMAGE, Task.HYBRID}:
            notes.append(f"{task.value} was not evaluated: no picture has the data it needs.")
    if not groups:
        return Evaluation(reading, truth, options, tuple(found), None, None, tuple(notes))
    groupings = compare_groupings(reading, truth, options, partial(tell, "groups"))
    thresholds = sweep_thresholds(reading, truth, options, partial(tell, "thresholds"))
    return Evaluation(reading, truth, options, tuple(found), groupings, thresholds, tuple(notes))


def evaluate_by_any(services: Services, options: Options, on_progress: OnProgress | None = None) -> Evaluation | None:
    """By folders, else by curated groups, else by judgements; None where none of them tells anything."""
    for labels in (FOLDERS, GROUPS, JUDGEMENTS):
        try:
            return evaluate(services, Source(labels), options, on_progress)
        except InputError:
            continue
    return None


def _evaluate_judged(services: Services, reading: Reading, options: Options, tell: OnProgress) -> Evaluation:
    """What was said of hits says nothing of groups, so these are not measured."""
    with services.database.transaction() as session:
        judged = find_judged(reading, list(list_judgements(session)))
    tell("reading", 1, 1)
    notes = _notes_on(reading)
    encoders = _open_encoders(services, reading, notes)
    field = field_of(reading, judged)
    pictures = {} if encoders is None else embed_kept(services, encoders, judged)
    plans = (
        plan_judged(task, reading, field, judged, encoders, options, pictures)
        for task in (Task.HYBRID, Task.MEDIA_TO_MEDIA, Task.PICTURE, Task.PICTURE_AND_WORDS)
    )
    found = tuple(_retrieve(planned, field, options, tell) for planned in plans if planned is not None)
    if not found:
        raise InputError("No judged query could be evaluated.", hint=" ".join(notes) or None)
    notes.append("Judgements tell nothing about groups, so groups and the threshold are not measured.")
    return Evaluation(reading, truth_of(judged, len(reading.media_ids)), options, found, None, None, tuple(notes))


def _notes_on(reading: Reading) -> list[str]:
    if not reading.missing:
        return []
    return [f"{reading.missing:,} pictures have no vectors in space '{reading.space}' and are left out."]


def _open_encoders(services: Services, reading: Reading, notes: list[str]) -> Encoders | None:
    """The models, loaded; where they cannot be had, a note."""
    try:
        with services.database.transaction() as session:
            encoders = services.encoders_of(get_space(session, reading.space))
        encoders.load()
    except ConfigurationError as error:
        notes.append(f"Text queries and uploaded pictures were not evaluated: {error}")
        return None
    return encoders


def _retrieve(planned: Plan, field: Field, options: Options, tell: OnProgress) -> Found:
    return retrieve(planned, field, options, lambda done: tell(planned.task.value, done, planned.count))
