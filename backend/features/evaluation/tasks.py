"""Tasks of an evaluation: their queries, what they search, and how similarities are combined."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.documents import read_json
from backend.encoders import Encoders
from backend.errors import FileUnreadable, InputError
from backend.features.evaluation.library import Reading
from backend.features.evaluation.options import Options
from backend.features.evaluation.truth import Truth
from backend.rules.search import Backgrounds, FusionMethod, fuse

Rows = NDArray[np.int64]
Matrix = NDArray[np.float32]

_BLOCK = 64


class Task(StrEnum):
    """Kinds of queries.

    `text_to_image`: a label in words, by image similarity alone. `caption_to_image`: the caption of each picture, likewise.
    `image_to_text`: each picture against the captions of others. `media_to_media`: each picture by both similarities, like
    recommendations. `hybrid`: a label in words by both, like the search. `picture` and `picture_and_words`: a picture dropped into the
    search; only judgements cover these.
    """

    TEXT_TO_IMAGE = "text_to_image"
    CAPTION_TO_IMAGE = "caption_to_image"
    IMAGE_TO_TEXT = "image_to_text"
    MEDIA_TO_MEDIA = "media_to_media"
    HYBRID = "hybrid"
    PICTURE = "picture"
    PICTURE_AND_WORDS = "picture_and_words"

    @property
    def is_fused(self) -> bool:
        """Whether alpha matters."""
        return self in {Task.MEDIA_TO_MEDIA, Task.HYBRID, Task.PICTURE_AND_WORDS}


OF_LABELS = tuple(task for task in Task if task not in {Task.PICTURE, Task.PICTURE_AND_WORDS})
"""Tasks that labels can evaluate."""


@dataclass(frozen=True, eq=False)
class Words:
    """Queries in words.

    Attributes:
        said: their texts.
        labels: (q,) their labels.
        images: (q, d) vectors by the image encoder.
        texts: (q, e) vectors by the text encoder.
    """

    said: list[str]
    labels: Rows
    images: Matrix
    texts: Matrix


@dataclass(frozen=True, eq=False)
class Asked:
    """One query.

    Attributes:
        name: its name.
        label: its label.
        image: (n,) image similarity of each row before weighting, NaN if missing, -inf if the row is not a candidate.
        text: (n,) text similarity of each row before weighting, NaN if missing.
    """

    name: str
    label: int
    image: NDArray[np.floating]
    text: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Field:
    """What is searched: labelled pictures only, since for others it is unknown whether they are right.

    Attributes:
        rows: (n,) rows of all pictures.
        labels: (n,) labels.
        id_ranks: (n,) rank by id.
        images: (n, d) image vectors, zero if missing.
        texts: (n, e) text vectors, zero if missing.
        captions: (n, d) caption vectors, zero if missing.
        has_text: (n,) whether there is a text vector.
        has_caption: (n,) whether there is a caption vector.
        of_label: rows of this field by label.
    """

    rows: Rows
    labels: Rows
    id_ranks: Rows
    images: Matrix
    texts: Matrix
    captions: Matrix
    has_text: NDArray[np.bool_]
    has_caption: NDArray[np.bool_]
    of_label: list[Rows]

    @classmethod
    def of(cls, reading: Reading, truth: Truth) -> "Field":
        rows = truth.labelled
        labels = truth.codes[rows]
        return cls.over(reading, rows, labels, [np.flatnonzero(labels == label) for label in range(len(truth.names))])

    @classmethod
    def over(cls, reading: Reading, rows: Rows, labels: Rows, of_label: list[Rows]) -> "Field":
        """The field of these rows of all pictures."""
        sides = reading.sides
        whole = len(rows) == len(reading.media_ids)
        images, texts, captions = (
            side if whole else side[rows] for side in (sides.images, sides.texts, sides.captions)
        )
        has_text, has_caption = ~np.isnan(texts[:, 0]), ~np.isnan(captions[:, 0])
        return cls(
            rows,
            labels,
            reading.id_ranks[rows],
            images,
            np.nan_to_num(texts),
            np.nan_to_num(captions),
            has_text,
            has_caption,
            of_label,
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """The queries of one task.

    Attributes:
        task: the task.
        method: how similarities are combined.
        alpha: weight of the image similarity.
        count: number of queries.
        left_out: number of queries with nothing to find.
        drawn: whether the queries are a sample.
        queries: the queries.
    """

    task: Task
    method: FusionMethod
    alpha: float
    count: int
    left_out: int
    drawn: bool
    queries: Iterator[Asked]


def embed_labels(names: Sequence[str], wordings: Mapping[str, Sequence[str]], encoders: Encoders) -> Words:
    """Embed the labels, in their given wordings or else by name.

    Raises:
        EncoderUnavailable: a model cannot be loaded.
        InvalidText: a wording is empty.
    """
    asked = [(label, words) for label, name in enumerate(names) for words in wordings.get(name) or [in_words(name)]]
    said = [words for _, words in asked]
    labels = np.array([label for label, _ in asked], dtype=np.int64)
    return Words(said, labels, encoders.image.embed_words(said), encoders.text.embed_texts(said))


def in_words(label: str) -> str:
    """The name of a folder as words: hot-air_balloons becomes hot air balloons."""
    return " ".join(label.replace("_", " ").replace("-", " ").split()) or label


def read_wordings(path: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Read wordings by label from a JSON object whose values are texts or lists of texts.

    Raises:
        FileUnreadable: the file cannot be opened.
        InputError: the file is malformed, or names an unknown label.
    """
    try:
        content = read_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read: {error.strerror}.", hint="Name another file.") from error
    except ValueError:
        content = None
    hint = 'Write it like {"harbour": ["boats in a harbour", "quay"]}.'
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object of texts by label.", hint=hint)
    wordings = {label: [words] if isinstance(words, str) else words for label, words in content.items()}
    for label, words in wordings.items():
        if label not in names:
            raise InputError(
                f"{path} names the label {label!r}, which no picture has.", hint=f"Labels: {', '.join(names)}."
            )
        if not isinstance(words, list) or not all(isinstance(one, str) and one.strip() for one in words):
            raise InputError(f"The texts of {label!r} in {path} are not words.", hint=hint)
    return wordings


def plan(task: Task, reading: Reading, field: Field, words: Words | None, options: Options) -> Plan | None:
    """Plan the queries of a task. None if the library lacks the data (text or captions)."""
    match task:
        case Task.TEXT_TO_IMAGE:
            return None if words is None else _of_words(field, words, Task.TEXT_TO_IMAGE, reading, options)
        case Task.HYBRID:
            return None if words is None else _of_words(field, words, Task.HYBRID, reading, options)
        case Task.CAPTION_TO_IMAGE:
            return _of_media(task, reading, field, options, field.has_caption, np.ones_like(field.has_caption))
        case Task.IMAGE_TO_TEXT:
            return _of_media(task, reading, field, options, np.ones_like(field.has_caption), field.has_caption)
        case Task.MEDIA_TO_MEDIA:
            everything = np.ones_like(field.has_text)
            return _of_media(task, reading, field, options, everything, everything)
        case Task.PICTURE | Task.PICTURE_AND_WORDS:
            return None


def _of_media(
    task: Task,
    reading: Reading,
    field: Field,
    options: Options,
    asking: NDArray[np.bool_],
    asked: NDArray[np.bool_],
) -> Plan | None:
    """Plan a task in which each picture searches for others with its label."""
    others = np.bincount(field.labels[asked], minlength=len(field.of_label))[field.labels] - asked
    able = np.flatnonzero(asking & (others > 0))
    left_out = int(asking.sum()) - len(able)
    drawn = len(able) > options.most_queries
    if drawn:
        able = np.sort(np.random.default_rng(options.seed).choice(able, options.most_queries, replace=False))
    if not len(able):
        return None
    alpha = reading.alpha if task.is_fused else 1.0
    queries = _ask_media(task, reading, field, able, asked)
    return Plan(task, FusionMethod.RAW, alpha, len(able), left_out, drawn, queries)


def _ask_media(task: Task, reading: Reading, field: Field, able: Rows, asked: NDArray[np.bool_]) -> Iterator[Asked]:
    asking = field.captions if task is Task.CAPTION_TO_IMAGE else field.images
    against = field.captions if task is Task.IMAGE_TO_TEXT else field.images
    nothing = np.full(len(field.rows), np.nan, dtype=np.float32)
    for start in range(0, len(able), _BLOCK):
        rows = able[start : start + _BLOCK]
        images = asking[rows] @ against.T
        images[:, ~asked] = -np.inf
        texts = field.texts[rows] @ field.texts.T if task is Task.MEDIA_TO_MEDIA else None
        if texts is not None:
            texts[:, ~field.has_text] = np.nan
            texts[~field.has_text[rows]] = np.nan
        for place, row in enumerate(rows.tolist()):
            images[place, row] = -np.inf
            name = str(reading.media_ids[int(field.rows[row])])
            yield Asked(name, int(field.labels[row]), images[place], nothing if texts is None else texts[place])


def choose_method(field: Field, backgrounds: Backgrounds | None) -> FusionMethod:
    """The method of the search here: ranks if there is no background for calibration."""
    if backgrounds is None or backgrounds.image is None or (backgrounds.text is None and field.has_text.any()):
        return FusionMethod.RRF
    return FusionMethod.CALIBRATED


def _of_words(field: Field, words: Words, task: Task, reading: Reading, options: Options) -> Plan:
    backgrounds = reading.backgrounds(options.seed) if task is Task.HYBRID else None
    method = choose_method(field, backgrounds) if task is Task.HYBRID else FusionMethod.RAW
    able = np.flatnonzero([len(field.of_label[label]) > 0 for label in words.labels.tolist()])
    alpha = reading.alpha if task.is_fused else 1.0
    queries = ask_words(field, words, able, task, method, backgrounds)
    return Plan(task, method, alpha, len(able), len(words.said) - len(able), False, queries)


def ask_words(
    field: Field, words: Words, able: Rows, task: Task, method: FusionMethod, backgrounds: Backgrounds | None
) -> Iterator[Asked]:
    """The queries in words at these rows, by the image similarity alone or by both."""
    nothing = np.full(len(field.rows), np.nan, dtype=np.float32)
    for place in able.tolist():
        image = (field.images @ words.images[place]).astype(np.float64)
        asked = Asked(words.said[place], int(words.labels[place]), image, nothing)
        if task is Task.HYBRID:
            text = (field.texts @ words.texts[place]).astype(np.float64)
            text[~field.has_text] = np.nan
            about = None if backgrounds is None else backgrounds.about(words.images[place], words.texts[place])
            legs = fuse(method, image, text, 1.0, about)
            asked = replace(asked, image=legs.image, text=legs.text)
        yield asked
