"""The effort that searches by index need in this library: learned from its own pictures and words, compared with reading every embedding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.search import BestValues, learn_effort
from backend.store.engine import Database, Session, begin_snapshot
from backend.store.evaluation import (
    LearnedEffort,
    SampleQuery,
    find_by_index,
    lock_efforts,
    replace_efforts,
    sample_queries,
)
from backend.store.schema import Space
from backend.store.search import copy_vectors, count_vectors
from backend.store.spaces import hold_active_space

# With the picture itself, which a search for its like finds first: the k of a page, and of a long list.
DEPTHS = (11, 101)
# So that it is still 0.99 for queries like those of the sample.
_TARGET = 0.995
_ALPHAS = tuple(step / 10 for step in range(11))
# Single precision cannot tell closer values apart, so either picture counts as right.
_TOLERANCE = 2e-6

_Side = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Queries:
    """Queries of the same sides.

    Attributes:
        sides: `both`, `image` or `text`.
        alphas: weights of the image side at which they are asked.
        images: (n, d_image), None for words alone.
        texts: (n, d_text), None for pictures alone.
        kinds: (n,) 0 for pictures; 1 for words, which are apart from pictures in the image space, and harder to find pictures for; 2 for one
            picture with the words of another, since no stored one is there, and an index leads to stored ones best.
    """

    sides: str
    alphas: tuple[float, ...]
    images: _Side | None
    texts: _Side | None
    kinds: NDArray[np.int64]

    def measure(self, images: _Side, texts: _Side | None) -> Iterator[NDArray[np.float64]]:
        """For each alpha the combined values (n, m) of m pictures. A side that is missing adds nothing."""
        nothing = np.zeros((len(self.kinds), len(images)))
        image = nothing if self.images is None else (self.images @ images.T).astype(np.float64)
        text = nothing if self.texts is None or texts is None else (self.texts @ texts.T).astype(np.float64)
        for alpha in self.alphas:
            yield alpha * image + (1 - alpha) * text


def learn_efforts(database: Database, sample: int = 60) -> list[LearnedEffort]:
    """Learn the least effort that finds enough for each kind of search, from `sample` random pictures and their words, and store it.

    Reads every embedding once, and searches by index some thousand times. Nothing is learned of an empty library, or while another process
    learns.
    """
    with database.transaction() as session:
        # One snapshot, so that an upload between two statements does not count as a miss.
        begin_snapshot(session)
        space = hold_active_space(session)
        queries = [] if space is None or not lock_efforts(session) else sample_queries(session, sample)
        if space is None or not queries:
            return []
        count = count_vectors(session, space.id)
        asked = list(_ask(queries))
        learned = [
            _learn(session, some, alpha, k, best)
            for some, found in zip(asked, _read_all(session, space, asked), strict=True)
            for alpha, best in zip(some.alphas, found, strict=True)
            for k in DEPTHS
        ]
    with database.transaction() as session:
        replace_efforts(session, space.id, count, learned)
    return learned


def _ask(queries: list[SampleQuery]) -> Iterator[_Queries]:
    pictures = np.stack([query.image for query in queries])
    captions = [query.caption for query in queries if query.words is not None and query.caption is not None]
    yield _Queries("image", (1.0,), np.stack([*pictures, *captions]), None, _kinds(len(queries), len(captions), 0))
    worded = [query for query in queries if query.words is not None]
    if not worded:
        return
    words = np.stack([query.words for query in worded if query.words is not None])
    yield _Queries("text", (0.0,), None, words, _kinds(0, len(worded), 0))
    own = np.stack([query.image for query in worded])
    captioned = [row for row, query in enumerate(worded) if query.caption is not None]
    yield _Queries(
        "both",
        _ALPHAS,
        np.stack([*own, *captions, *np.roll(own, 1, axis=0)]),
        np.concatenate([words, words[captioned], words]),
        _kinds(len(worded), len(captioned), len(worded)),
    )


def _kinds(pictures: int, words: int, mixed: int) -> NDArray[np.int64]:
    return np.repeat([0, 1, 2], [pictures, words, mixed])


def _read_all(session: Session, space: Space, asked: list[_Queries]) -> list[list[BestValues]]:
    """The best values of all queries, for each alpha, by reading every embedding once."""
    best = [[BestValues(len(some.kinds), max(DEPTHS)) for _ in some.alphas] for some in asked]
    dimensions = space.image_dimension, space.text_dimension
    for with_text in (True, False):
        for rows in copy_vectors(session, space.id, dimensions, with_text=with_text):
            for some, found in zip(asked, best, strict=True):
                for kept, values in zip(found, some.measure(rows.images, rows.texts), strict=True):
                    kept.add(values)
    return best


def _learn(session: Session, asked: _Queries, alpha: float, k: int, best: BestValues) -> LearnedEffort:
    greatest = best.greatest(k)
    # Where there are fewer than k, all of them are wanted.
    wanted = np.isfinite(greatest).sum(axis=1)

    def recalls(effort: int) -> Iterator[tuple[int, float]]:
        for row, kind in enumerate(asked.kinds):
            image = None if asked.images is None else asked.images[row]
            text = None if asked.texts is None else asked.texts[row]
            values = find_by_index(session, image, text, k, alpha, effort)
            least = greatest[row, wanted[row] - 1] - _TOLERANCE
            yield int(kind), min(1.0, sum(value >= least for value in values) / wanted[row])

    effort, recall = learn_effort(recalls, np.bincount(asked.kinds), _TARGET, least=k)
    return LearnedEffort(asked.sides, k, alpha, effort, recall)
