"""Content of the HTML report beside the figures: pairs, maps, queries with their hits, and timings."""

import base64
import io
import os
import time
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.encoders import load_encoders
from backend.errors import MediaclusterError
from backend.features.evaluation.library import Reading
from backend.features.evaluation.result import Evaluation
from backend.features.evaluation.retrieval import Found
from backend.features.evaluation.tasks import Task
from backend.features.services import Services
from backend.files.storage import read_thumbnail
from backend.rules.measures import Separation, fill_frame, project, sensitivity, separate
from backend.store.engine import Session
from backend.store.evaluation import list_titles
from backend.store.review import checksum_in, find_picture, words_in
from backend.store.spaces import get_space

Matrix = NDArray[np.float32]

_PAIRS = 20_000
_MAPPED = 1_500
# With fewer points, no perplexity makes sense.
_LEAST_FOR_TSNE = 12
_PERPLEXITY = 30
_QUERIES_SHOWN = 10
_HITS_SHOWN = 8
_SIDE_PIXELS = 132
_QUALITY = 72
_TIMED = 8


@dataclass(frozen=True)
class Pairs:
    """Cosines of pairs with one label against pairs with two, for one encoder. `d_prime`: see `sensitivity`."""

    side: str
    separation: Separation
    d_prime: float | None


@dataclass(frozen=True, eq=False)
class Map:
    """Pictures in the plane: points (n, 2) within -1..1, and labels (n,)."""

    method: str
    points: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Shown:
    """A picture in the report.

    Attributes:
        src: data URI, empty if there is none.
        title: its title.
        label: its label.
        right: whether the hit is right. None for the query, and for hits beyond the number of right ones.
    """

    src: str
    title: str
    label: str
    right: bool | None


@dataclass(frozen=True)
class Query:
    """A query in the report, in text or as a picture, with its NDCG and its hits."""

    words: str
    picture: Shown | None
    label: str
    ndcg: float
    hits: tuple[Shown, ...]


@dataclass(frozen=True)
class Timing:
    """Median duration of an operation, and number of measurements."""

    name: str
    seconds: float
    times: int


def compare_pairs(evaluation: Evaluation) -> list[Pairs]:
    """Sample pairs for each encoder. Every picture that shares its label counts the same."""
    rows = evaluation.truth.labelled
    labels = evaluation.truth.codes[rows]
    found = []
    for side, vectors in (("Pictures", evaluation.reading.sides.images), ("Words", evaluation.reading.sides.texts)):
        present = ~np.isnan(vectors[rows, 0])
        generator = np.random.default_rng(evaluation.options.seed)
        same, other = _draw_pairs(labels[present], generator)
        if len(same) and len(other):
            own = rows[present]
            cosines = [
                np.einsum("ij,ij->i", vectors[own[pairs[:, 0]]], vectors[own[pairs[:, 1]]]) for pairs in (same, other)
            ]
            found.append(Pairs(side, separate(*cosines), sensitivity(*cosines)))
    return found


def _draw_pairs(
    labels: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(p, 2) rows of pairs of pictures with one label, and with two."""
    if len(labels) < 2:
        return np.empty((0, 2), np.int64), np.empty((0, 2), np.int64)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels)
    sizes = np.searchsorted(labels[order], labels, side="right") - starts
    able = np.flatnonzero(sizes > 1)
    same = np.empty((0, 2), np.int64)
    if len(able):
        first = generator.choice(able, _PAIRS)
        index = np.empty(len(labels), dtype=np.int64)
        index[order] = np.arange(len(labels))
        # Another member: step forward from the picture itself, modulo the size of the group.
        step = 1 + (generator.random(_PAIRS) * (sizes[first] - 1)).astype(np.int64)
        second = order[starts[first] + (index[first] - starts[first] + step) % sizes[first]]
        same = np.column_stack([first, second])
    drawn = generator.integers(len(labels), size=(_PAIRS, 2))
    return same, drawn[labels[drawn[:, 0]] != labels[drawn[:, 1]]]


def draw_maps(services: Services, evaluation: Evaluation, on_progress: Callable[[int, int], None]) -> list[Map]:
    """Maps by UMAP (principal components without the extra `map`) and by t-SNE (van der Maaten and Hinton, 2008), both seeded."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(services.settings.home_path / "cache" / "numba"))
    seed = evaluation.options.seed
    rows = evaluation.truth.labelled
    if len(rows) > _MAPPED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MAPPED, replace=False))
    images, labels = evaluation.reading.sides.images[rows], evaluation.truth.codes[rows]
    on_progress(0, 2)
    projection = project(images, seed=seed)
    maps = [Map("UMAP" if projection.method == "umap" else "Principal components", projection.points, labels)]
    on_progress(1, 2)
    if len(rows) >= _LEAST_FOR_TSNE:
        maps.append(Map("t-SNE", _by_tsne(images, seed), labels))
    on_progress(2, 2)
    return maps


def _by_tsne(images: Matrix, seed: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(images) - 1) / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = TSNE(metric="cosine", init="pca", perplexity=perplexity, random_state=seed, n_jobs=1)
        return fill_frame(model.fit_transform(images.astype(np.float64)))


def make_sheet(services: Services, evaluation: Evaluation) -> dict[str, list[Query]]:
    """Queries with their hits by task: the worst, and some of the others, evenly spaced."""
    found = {one.task: one for one in evaluation.found}
    sheet: dict[str, list[Query]] = {}
    with services.database.transaction() as session:
        for task in (Task.HYBRID, Task.MEDIA_TO_MEDIA, Task.PICTURE, Task.PICTURE_AND_WORDS):
            if task in found:
                sheet[task.value] = _show_queries(services, session, evaluation, found[task])
    return sheet


def _show_queries(services: Services, session: Session, evaluation: Evaluation, found: Found) -> list[Query]:
    scores = found.measures[evaluation.options.headline]
    ranked = np.lexsort((np.arange(len(scores)), scores))
    worst, rest = ranked[: _QUERIES_SHOWN * 6 // 10], ranked[_QUERIES_SHOWN * 6 // 10 :]
    spread = rest[np.linspace(0, len(rest) - 1, min(_QUERIES_SHOWN - len(worst), len(rest))).astype(np.int64)]
    chosen = [*worst.tolist(), *spread.tolist()]
    reading = evaluation.reading
    own = (
        {str(media_id): row for row, media_id in enumerate(reading.media_ids)}
        if found.task is Task.MEDIA_TO_MEDIA
        else {}
    )
    rows = {int(row) for index in chosen for row in found.hits[index, :_HITS_SHOWN] if row >= 0}
    rows |= {own[found.names[index]] for index in chosen if found.names[index] in own}
    known = list_titles(session, [reading.media_ids[row] for row in sorted(rows)])
    pictures = {row: _show(services, evaluation, row, known) for row in sorted(rows)}
    queries = []
    for index in chosen:
        name = found.names[index]
        hits = [
            replace(pictures[int(row)], right=bool(gain > 0) if gain > 0 or rank < found.relevant[index] else None)
            for rank, (row, gain) in enumerate(zip(found.hits[index], found.gains[index], strict=True))
            if row >= 0 and rank < _HITS_SHOWN
        ]
        picture = pictures[own[name]] if name in own else None
        words = "" if picture is not None else name
        if found.task in {Task.PICTURE, Task.PICTURE_AND_WORDS}:
            picture, words = _show_kept(session, name), words_in(name)
        label = evaluation.label_of(int(found.labels[index]))
        queries.append(Query(words, picture, label, float(scores[index]), tuple(hits)))
    return queries


def _show_kept(session: Session, query: str) -> Shown:
    """The stored query picture."""
    content = find_picture(session, checksum_in(query))
    return Shown("" if content is None else _as_data_uri(content), "A dropped picture", "", None)


def _show(
    services: Services, evaluation: Evaluation, row: int, known: Mapping[uuid.UUID, tuple[str, bytes | None]]
) -> Shown:
    title, sha256 = known.get(evaluation.reading.media_ids[row], ("", None))
    code = int(evaluation.truth.codes[row])
    src = "" if sha256 is None else _inline(services, sha256)
    return Shown(src, title, evaluation.truth.names[code] if code >= 0 else "", None)


def _inline(services: Services, sha256: bytes) -> str:
    """The thumbnail as a small WebP in a data URI, empty if it is missing."""
    try:
        data = read_thumbnail(services.storage, sha256, "small")
    except MediaclusterError:
        return ""
    return _as_data_uri(data)


def _as_data_uri(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        image.thumbnail((_SIDE_PIXELS, _SIDE_PIXELS))
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def take_times(services: Services, evaluation: Evaluation, on_progress: Callable[[int, int], None]) -> list[Timing]:
    """Time loading of models, then one picture, one text and one query, on this machine under its current load."""
    with services.database.transaction() as session:
        known = services.encoders_of(get_space(session, evaluation.reading.space))
    said = [one for found in evaluation.found if found.task is Task.HYBRID for one in found.names][:_TIMED]
    said = said or ["a picture"]
    steps = 4
    on_progress(0, steps)
    begun = time.perf_counter()
    encoders = load_encoders(services.settings, known.names, runtimes=known.runtimes)
    encoders.load()
    timings = [Timing("Loading both models", time.perf_counter() - begun, 1)]
    on_progress(1, steps)
    pictures = _some_pictures(services, evaluation.reading)
    if pictures:
        encoders.image.embed_pictures(pictures[:1])  # warm-up
        timings.append(
            _time("Embedding a picture", [partial(encoders.image.embed_pictures, [one]) for one in pictures])
        )
    on_progress(2, steps)
    encoders.text.embed_texts(said[:1])
    encoders.image.embed_words(said[:1])
    timings.append(_time("Embedding a text", [partial(encoders.text.embed_texts, [one]) for one in said]))
    on_progress(3, steps)
    timings.append(_time("Ranking the library for a query", _rankings(evaluation, said)))
    on_progress(steps, steps)
    return timings


def _rankings(evaluation: Evaluation, said: Sequence[str]) -> list[Callable[[], object]]:
    """Exact rankings in memory, as this evaluation does. The search of the library uses indexes."""
    images = np.nan_to_num(evaluation.reading.sides.images)
    texts = np.nan_to_num(evaluation.reading.sides.texts)

    def rank(row: int) -> object:
        return np.argsort(-(images @ images[row] + texts @ texts[row]))

    return [partial(rank, row) for row in range(min(len(said), len(images)))]


def _some_pictures(services: Services, reading: Reading) -> list[Image.Image]:
    with services.database.transaction() as session:
        known = list_titles(session, reading.media_ids[:_TIMED])
    pictures = []
    for _, sha256 in known.values():
        try:
            data = read_thumbnail(services.storage, sha256, "large") if sha256 else b""
        except MediaclusterError:
            continue
        if data:
            pictures.append(Image.open(io.BytesIO(data)).convert("RGB"))
    return pictures


def _time(name: str, calls: Sequence[Callable[[], object]]) -> Timing:
    taken = []
    for call in calls:
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return Timing(name, float(np.median(taken)) if taken else float("nan"), len(taken))
