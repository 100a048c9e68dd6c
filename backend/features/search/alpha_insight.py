"""Results of every alpha for one picture, in one call."""

import uuid
from dataclasses import dataclass

import numpy as np

from backend.errors import InvalidQuery
from backend.features.search.candidates import Effort, checked_vector
from backend.features.search.exact_search import count_few
from backend.features.search.nomination import nominate
from backend.features.search.query_vectors import fetch_examples
from backend.features.search.vector_source import VectorSource
from backend.rules.search import BestPlace, Example, Filters, Vector, best_place, envelope
from backend.store.engine import Session
from backend.store.media import MediaWords, list_words, resolve_copies
from backend.store.search import QueryVectors, match

MOST_LISTED = 20
_ALPHAS = (0.5, 0.0, 0.25, 0.75, 1.0)
_CANDIDATES_EACH = 100

# Cosines of both sides, NaN if missing.
_Sides = dict[uuid.UUID, tuple[float, float]]


@dataclass(frozen=True)
class AlphaRange:
    """The best pictures, best first, for low <= alpha < high (up to 1 in the last range)."""

    low: float
    high: float
    media_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class AlphaHit:
    """A picture that is among the best at some alpha. `best` is its best rank, and where it has it."""

    media_id: uuid.UUID
    title: str
    shown_title: str
    location: str
    sim_image: float | None
    sim_text: float | None
    best: BestPlace


@dataclass(frozen=True)
class AlphaInsight:
    ranges: tuple[AlphaRange, ...]
    hits: tuple[AlphaHit, ...]


def insight(session: Session, media_id: uuid.UUID, k: int, scans: VectorSource | None = None) -> AlphaInsight:
    """The k pictures most similar to one over the whole range of alpha, by alpha * sim_image + (1 - alpha) * sim_text.

    Exact if the vectors are in memory or at most 5,000. Otherwise among the nearest 100 at each of five alphas.

    Raises:
        InvalidQuery: k is not within 1..20.
        NotFound, Conflict: the picture does not exist, or has no embedding yet.
    """
    if not 1 <= k <= MOST_LISTED:
        raise InvalidQuery(f"k is {k}.", hint=f"Choose k from 1 to {MOST_LISTED}.", field="k")
    (media_id,) = resolve_copies(session, [media_id])
    sims = _candidates(session, media_id, k, scans)
    ids = sorted(sims)
    image, text = (np.array([sims[one][side] for one in ids], dtype=np.float64) for side in (0, 1))
    found = envelope(image, text, k)
    ends = np.append(found.starts[1:], 1.0)
    rows = list(dict.fromkeys(int(row) for row in found.rows.ravel()))
    words = list_words(session, [ids[row] for row in rows])
    # Skip pictures deleted meanwhile.
    rows = [row for row in rows if ids[row] in words]
    ranges = tuple(
        AlphaRange(float(low), float(high), tuple(ids[row] for row in best if ids[row] in words))
        for low, high, best in zip(found.starts, ends, found.rows, strict=True)
    )
    hits = (_hit(words[ids[row]], float(image[row]), float(text[row]), best_place(image, text, row)) for row in rows)
    return AlphaInsight(ranges, tuple(sorted(hits, key=lambda hit: (hit.best.rank, hit.best.low, hit.media_id))))


def _candidates(session: Session, media_id: uuid.UUID, k: int, scans: VectorSource | None) -> _Sides:
    """All pictures that can be among the k best at some alpha."""
    example = fetch_examples(session, [media_id])[0]
    sides = _scanned(session, example, media_id, k, scans)
    if sides is not None:
        return sides
    # If there are few pictures, any order returns all of them.
    few = count_few(session, match(exclude=(media_id,)), filtered=False) is not None
    sides = {}
    for alpha in _ALPHAS[:1] if few else _ALPHAS:
        found = nominate(
            session,
            example.image,
            example.text,
            k=_CANDIDATES_EACH,
            alpha=alpha,
            filters=Filters(),
            exclude=(media_id,),
            mode=Effort.FAST,
            for_any_order=few,
            scans=scans,
        )
        sides |= _by_id(found.media_ids, found.sim_image, found.sim_text)
    return sides


def _scanned(
    session: Session, example: Example, media_id: uuid.UUID, k: int, scans: VectorSource | None
) -> _Sides | None:
    if scans is None:
        return None
    query = QueryVectors(checked_vector(example.image), checked_vector(example.text), _ALPHAS[0])
    found = scans.best_at_every_alpha(session, query, k, (media_id,))
    if found is None:
        return None
    return _by_id([uuid.UUID(bytes=one.tobytes()) for one in found.ids], found.sim_image, found.sim_text)


def _by_id(media_ids: list[uuid.UUID], sim_image: Vector, sim_text: Vector) -> _Sides:
    return dict(zip(media_ids, zip(sim_image.tolist(), sim_text.tolist(), strict=True), strict=True))


def _hit(words: MediaWords, image: float, text: float, best: BestPlace) -> AlphaHit:
    return AlphaHit(words.media_id, words.title, words.shown_title, words.location, _number(image), _number(text), best)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
