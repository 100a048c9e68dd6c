"""Curators' judgements as a test set: judged queries, ranked among their judged hits."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.encoders import Encoders
from backend.errors import InputError
from backend.features.evaluation.library import Reading
from backend.features.evaluation.options import Options
from backend.features.evaluation.tasks import Asked, Field, Plan, Task, Words, ask_words, choose_method
from backend.features.evaluation.truth import Truth
from backend.features.search import BackgroundKind
from backend.features.services import Services
from backend.rules.search import Backgrounds, FusionMethod, fuse
from backend.store.review import QueryKind, checksum_in, describe_query, list_kept_pictures, words_in
from backend.store.schema import Judgement

Rows = NDArray[np.int64]
Vector = NDArray[np.float32]

_PICTURES_AT_ONCE = 32

JUDGEMENTS = "judgements"


@dataclass(frozen=True, eq=False)
class JudgedQuery:
    """A query with judged hits. `right` and `wrong` are rows of all pictures."""

    kind: QueryKind
    query: str
    right: Rows
    wrong: Rows

    @property
    def name(self) -> str:
        """Name of the query in reports."""
        return describe_query(self.kind, self.query)


def find_judged(reading: Reading, judgements: Sequence[Judgement]) -> list[JudgedQuery]:
    """Queries with at least one right and one wrong hit. Only these have an order to test.

    Raises:
        InputError: there are fewer than two.
    """
    rows = {media_id: row for row, media_id in enumerate(reading.media_ids)}
    said: dict[tuple[QueryKind, str], tuple[list[int], list[int]]] = {}
    for one in judgements:
        kind = QueryKind(one.query_kind)
        known = one.media_id in rows and (kind is not QueryKind.MEDIA or uuid.UUID(one.query) in rows)
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
            hint="Judge hits right or wrong on the search page, or under a picture, of the admin pages.",
        )
    return judged


def truth_of(judged: Sequence[JudgedQuery], media_count: int) -> Truth:
    """Each query as a label of its own. Pictures have no labels."""
    media = {int(row) for one in judged for row in (*one.right, *one.wrong)}
    names = [one.name for one in judged]
    return Truth(JUDGEMENTS, names, np.full(media_count, -1, dtype=np.int64), judged=len(media))


def field_of(reading: Reading, judged: Sequence[JudgedQuery]) -> Field:
    """The field of all pictures, with the right hits of each query."""
    rows = np.arange(len(reading.media_ids))
    return Field.over(reading, rows, np.full(len(rows), -1, dtype=np.int64), [one.right for one in judged])


def plan_judged(
    task: Task,
    reading: Reading,
    field: Field,
    judged: Sequence[JudgedQuery],
    encoders: Encoders | None,
    options: Options,
    pictures: Mapping[str, Vector],
) -> Plan | None:
    """Plan the judged queries of a task. None if there are none.

    Text is searched like the search does (`hybrid`), stored pictures are compared like recommendations (`media_to_media`), and dropped
    pictures are searched by the image encoder (`picture`), or with text by both (`picture_and_words`). `pictures` has the vectors of
    dropped pictures by checksum in hex.

    Hits are ranked among the judged pictures of their query only (condensed lists: Sakai, SIGIR 2007). Counting others as wrong would
    punish a model for finding pictures that nobody has judged yet.
    """
    indexes = [index for index, one in enumerate(judged) if _task_of(one) is task]
    if not indexes or (task is not Task.MEDIA_TO_MEDIA and encoders is None):
        return None
    alpha = reading.alpha
    if task is Task.HYBRID:
        assert encoders is not None
        said = [judged[index].query for index in indexes]
        words = Words(said, np.array(indexes), encoders.image.embed_words(said), encoders.text.embed_texts(said))
        backgrounds = reading.backgrounds(options.seed)
        method = choose_method(field, backgrounds)
        queries = ask_words(field, words, np.arange(len(indexes)), task, method, backgrounds)
    elif task is Task.PICTURE:
        method, alpha = FusionMethod.RAW, 1.0
        nothing = np.full(len(field.rows), np.nan)
        queries = (
            Asked(judged[index].query, index, field.images @ pictures[judged[index].query], nothing)
            for index in indexes
        )
    elif task is Task.PICTURE_AND_WORDS:
        assert encoders is not None
        backgrounds = reading.backgrounds(options.seed, BackgroundKind.MEDIA)
        method = choose_method(field, backgrounds)
        asking = [(index, judged[index].query) for index in indexes]
        texts = encoders.text.embed_texts([words_in(query) for _, query in asking])
        queries = _ask_pictures(field, asking, pictures, texts, method, backgrounds)
    else:
        method = FusionMethod.RAW
        queries = _ask_media(reading, field, [(index, judged[index]) for index in indexes])
    return Plan(task, method, alpha, len(indexes), 0, False, _among_judged(queries, judged))


def embed_kept(services: Services, encoders: Encoders, judged: Sequence[JudgedQuery]) -> dict[str, Vector]:
    """Embed the stored query pictures as the search does. Returns unit vectors by checksum in hex."""
    wanted = sorted({checksum_in(one.query) for one in judged if one.kind is QueryKind.PICTURE})
    vectors: dict[str, Vector] = {}
    for start in range(0, len(wanted), _PICTURES_AT_ONCE):
        with services.database.transaction() as session:
            kept = list_kept_pictures(session, wanted[start : start + _PICTURES_AT_ONCE])
        decoded = [
            services.decoders.decode(
                data, services.limits, at_least=encoders.image.input_size_pixels, fit=encoders.image.first_resize
            ).image
            for data in kept.values()
        ]
        embedded = encoders.image.embed_pictures(decoded)
        vectors |= {sha256.hex(): vector for sha256, vector in zip(kept, embedded, strict=True)}
    return vectors


def _task_of(one: JudgedQuery) -> Task:
    match one.kind:
        case QueryKind.WORDS:
            return Task.HYBRID
        case QueryKind.MEDIA:
            return Task.MEDIA_TO_MEDIA
        case QueryKind.PICTURE:
            return Task.PICTURE_AND_WORDS if words_in(one.query) else Task.PICTURE


def _ask_pictures(
    field: Field,
    asking: Sequence[tuple[int, str]],
    pictures: Mapping[str, Vector],
    texts: NDArray[np.float32],
    method: FusionMethod,
    backgrounds: Backgrounds | None,
) -> Iterator[Asked]:
    """A picture with text, as the search does it: the picture for the image encoder, the text for the text encoder."""
    for (index, query), said in zip(asking, texts, strict=True):
        picture = pictures[checksum_in(query).hex()]
        image = (field.images @ picture).astype(np.float64)
        text = (field.texts @ said).astype(np.float64)
        text[~field.has_text] = np.nan
        about = None if backgrounds is None else backgrounds.about(picture, said)
        legs = fuse(method, image, text, 1.0, about)
        yield Asked(query, index, legs.image, legs.text)


def _ask_media(reading: Reading, field: Field, asking: Sequence[tuple[int, JudgedQuery]]) -> Iterator[Asked]:
    rows = {str(media_id): row for row, media_id in enumerate(reading.media_ids)}
    for index, one in asking:
        row = rows[one.query]
        texts = field.texts @ field.texts[row]
        texts[~field.has_text] = np.nan
        if not field.has_text[row]:
            texts[:] = np.nan
        yield Asked(one.query, index, field.images @ field.images[row], texts)


def _among_judged(queries: Iterator[Asked], judged: Sequence[JudgedQuery]) -> Iterator[Asked]:
    for asked in queries:
        one = judged[asked.label]
        image = np.full_like(asked.image, -np.inf)
        known = np.concatenate([one.right, one.wrong])
        image[known] = asked.image[known]
        yield Asked(asked.name, asked.label, image, asked.text)
