"""A curator's judgements as the test set: each judged query, ranked over what was said of its hits."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.db.judgements import QueryKind
from backend.db.tables import Judgement
from backend.embedding.encoders import Encoders
from backend.errors import InputError
from backend.quality.evaluation.options import Options
from backend.quality.evaluation.reading import Reading
from backend.quality.evaluation.tasks import Asked, Field, Plan, Task, Words, ask_words, choose_method
from backend.quality.evaluation.truth import Truth
from backend.search.fusion import FusionMethod

Rows = NDArray[np.int64]

JUDGEMENTS = "judgements"


@dataclass(frozen=True, eq=False)
class JudgedQuery:
    """A query of which something was said. right, wrong: rows of all media."""

    kind: QueryKind
    query: str
    right: Rows
    wrong: Rows


def find_judged(reading: Reading, judgements: Sequence[Judgement]) -> list[JudgedQuery]:
    """The queries of which at least one hit was called right and one wrong: only there is an order to be got right.

    Raises:
        InputError: there are fewer than two.
    """
    rows = {media_id: row for row, media_id in enumerate(reading.media_ids)}
    said: dict[tuple[QueryKind, str], tuple[list[int], list[int]]] = {}
    for one in judgements:
        kind = QueryKind(one.query_kind)
        known = one.media_id in rows and (kind is QueryKind.WORDS or uuid.UUID(one.query) in rows)
        if known:
            said.setdefault((kind, one.query), ([], []))[0 if one.is_right else 1].append(rows[one.media_id])
    judged = [
        JudgedQuery(kind, query, np.array(right, dtype=np.int64), np.array(wrong, dtype=np.int64))
        for (kind, query), (right, wrong) in said.items()
        if right and wrong
    ]
    if len(judged) < 2:
        raise InputError(
            f"{len(judged)} of {len(said)} judged queries have a right and a wrong hit; two are the least.",
            hint="Say of hits whether they are right, on the search page or under a picture of the admin pages.",
        )
    return judged


def truth_of(judged: Sequence[JudgedQuery], media_count: int) -> Truth:
    """Each query is a label of its own; no media has one otherwise."""
    media = {int(row) for one in judged for row in (*one.right, *one.wrong)}
    names = [one.query for one in judged]
    return Truth(JUDGEMENTS, names, np.full(media_count, -1, dtype=np.int64), judged=len(media))


def field_of(reading: Reading, judged: Sequence[JudgedQuery]) -> Field:
    """All media; of each query what is right."""
    rows = np.arange(len(reading.media_ids))
    return Field.over(reading, rows, np.full(len(rows), -1, dtype=np.int64), [one.right for one in judged])


def plan_judged(
    task: Task,
    reading: Reading,
    field: Field,
    judged: Sequence[JudgedQuery],
    encoders: Encoders | None,
    options: Options,
) -> Plan | None:
    """Words are searched as the search does (`hybrid`), pictures compared as recommendations are (`media_to_media`).

    Ranks are among the judged media of a query alone (Sakai's condensed lists, SIGIR 2007): of the others nobody knows whether
    they are right, and to count them as wrong would punish whatever finds what was not judged yet.
    """
    kind = {Task.HYBRID: QueryKind.WORDS, Task.MEDIA_TO_MEDIA: QueryKind.MEDIA}.get(task)
    places = [place for place, one in enumerate(judged) if one.kind is kind]
    if not places or (kind is QueryKind.WORDS and encoders is None):
        return None
    if kind is QueryKind.WORDS:
        assert encoders is not None
        said = [judged[place].query for place in places]
        words = Words(said, np.array(places), encoders.image.embed_words(said), encoders.text.embed_texts(said))
        backgrounds = reading.backgrounds(options.seed)
        method = choose_method(field, backgrounds)
        queries = ask_words(field, words, np.arange(len(places)), task, method, backgrounds)
    else:
        method = FusionMethod.RAW
        queries = _ask_media(reading, field, [(place, judged[place]) for place in places])
    return Plan(task, method, reading.alpha, len(places), 0, False, _among_judged(queries, judged))


def _ask_media(reading: Reading, field: Field, asking: Sequence[tuple[int, JudgedQuery]]) -> Iterator[Asked]:
    rows = {str(media_id): row for row, media_id in enumerate(reading.media_ids)}
    for place, one in asking:
        row = rows[one.query]
        texts = field.texts @ field.texts[row]
        texts[~field.has_text] = np.nan
        if not field.has_text[row]:
            texts[:] = np.nan
        yield Asked(one.query, place, field.images @ field.images[row], texts)


def _among_judged(queries: Iterator[Asked], judged: Sequence[JudgedQuery]) -> Iterator[Asked]:
    for asked in queries:
        one = judged[asked.label]
        image = np.full_like(asked.image, -np.inf)
        known = np.concatenate([one.right, one.wrong])
        image[known] = asked.image[known]
        yield Asked(asked.name, asked.label, image, asked.text)
