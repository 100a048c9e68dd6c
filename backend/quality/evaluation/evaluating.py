"""One evaluation from beginning to end."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend.db.spaces import get_active_space
from backend.errors import ConfigurationError, InputError
from backend.quality.evaluation.grouping import compare_groupings, sweep_thresholds
from backend.quality.evaluation.options import Options
from backend.quality.evaluation.reading import Reading, read
from backend.quality.evaluation.result import Evaluation
from backend.quality.evaluation.retrieving import Found, retrieve
from backend.quality.evaluation.tasks import Field, Task, Words, plan, read_wordings, speak
from backend.quality.evaluation.truth import FOLDERS, Truth, find_truth
from backend.services import Services

OnProgress = Callable[[str, int, int], None]
"""Hears the stage, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Source:
    """Where labels come from (see `find_truth`), and a file of wordings for them, if any."""

    labels: str = FOLDERS
    column: str = "label"
    wordings: Path | None = None


def evaluate(services: Services, source: Source, options: Options, on_progress: OnProgress | None = None) -> Evaluation:
    """Read the library and measure it. Nothing is written.

    Raises:
        NotFound: there is no active space yet.
        InputError: options or labels make no sense, or there are too few labels.
        FileUnreadable: a file of labels or wordings cannot be opened.
    """
    tell = on_progress or (lambda _stage, _done, _total: None)
    options = options.checked()
    tell("reading", 0, 1)
    reading = read(services)
    truth = find_truth(reading, source.labels, source.column)
    wordings = {} if source.wordings is None else read_wordings(source.wordings, truth.names)
    tell("reading", 1, 1)
    notes: list[str] = []
    words = _speak(services, truth, wordings, notes)
    found = _ask(reading, truth, words, options, notes, tell)
    groupings = compare_groupings(reading, truth, options, lambda done, total: tell("groups", done, total))
    thresholds = sweep_thresholds(reading, truth, options, lambda done, total: tell("thresholds", done, total))
    return Evaluation(reading, truth, options, found, groupings, thresholds, tuple(notes))


def _speak(services: Services, truth: Truth, wordings: dict[str, list[str]], notes: list[str]) -> Words | None:
    """The labels in words; where the models cannot be had, a note."""
    with services.database.transaction() as session:
        space = get_active_space(session)
    try:
        services.require_space_of(space.image_fingerprint, space.text_fingerprint, space.name)
        return speak(truth.names, wordings, services.encoders)
    except (ConfigurationError, InputError) as error:
        notes.append(f"Nothing was asked in words: {error}")
        return None


def _ask(
    reading: Reading, truth: Truth, words: Words | None, options: Options, notes: list[str], tell: OnProgress
) -> tuple[Found, ...]:
    field = Field.of(reading, truth)
    found = []
    for task in Task:
        planned = plan(task, reading, field, words, options)
        if planned is None:
            if words is not None or task not in {Task.TEXT_TO_IMAGE, Task.HYBRID}:
                notes.append(f"{task.value} was not asked: no media has what it takes.")
            continue
        found.append(retrieve(planned, field, options, partial(_tell, tell, task.value, planned.count)))
    return tuple(found)


def _tell(tell: OnProgress, stage: str, total: int, done: int) -> None:
    tell(stage, done, total)
