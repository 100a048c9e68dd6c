"""What a search answers with."""

import math
import uuid
from dataclasses import dataclass
from enum import StrEnum

from backend.features.search.query import Find
from backend.features.search.ranking import Ranking
from backend.rules.search import FusionMethod, Verdict
from backend.store.engine import Session
from backend.store.media import MediaWords, list_words


class Relevance(StrEnum):
    """unknown: there is no background to tell by."""

    RELEVANT = "relevant"
    NOTHING_RELEVANT = "nothing_relevant"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Hit:
    """One media that was found.

    sim_image, sim_text, sim_caption: cosines, None where a side is missing or was not asked; calibrated_*: how
    surprising they are in the background of the leg, None without one; similarity: alpha * sim_image + (1 - alpha) * sim_text;
    combined: what the order is by, before diversity; stands_out: of the background, None where unknown.
    """

    media_id: uuid.UUID
    title: str
    location: str
    caption: str
    keywords: tuple[str, ...]
    sim_image: float | None
    sim_text: float | None
    sim_caption: float | None
    calibrated_image: float | None
    calibrated_text: float | None
    calibrated_caption: float | None
    similarity: float
    combined: float
    stands_out: bool | None
    nominated_by: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """hits: best first; certified: whether no better hit can have been missed; note: what else is to be known."""

    find: Find
    method: FusionMethod
    alpha: float
    certified: bool
    verdict: Relevance
    hits: tuple[Hit, ...]
    next_cursor: str | None
    note: str | None


def fetch_hits(
    session: Session, ranking: Ranking, rows: list[int], find: Find, verdict: Verdict | None
) -> tuple[Hit, ...]:
    """The hits at these rows of the pool, with what a card needs."""
    media_ids = [ranking.pool.media_ids[row] for row in rows]
    words = list_words(session, media_ids)
    # What is deleted meanwhile is no hit.
    return tuple(
        _hit(ranking, row, words[media_id], find, verdict)
        for row, media_id in zip(rows, media_ids, strict=True)
        if media_id in words
    )


def _hit(ranking: Ranking, row: int, words: MediaWords, find: Find, verdict: Verdict | None) -> Hit:
    sims = _by_leg(ranking.pool.sim_image[row], ranking.pool.sim_text[row], find)
    calibrated = _by_leg(ranking.calibrated_image[row], ranking.calibrated_text[row], find)
    return Hit(
        words.media_id,
        words.title,
        words.location,
        words.caption,
        words.keywords,
        *sims,
        *calibrated,
        similarity=float(ranking.similarity[row]),
        combined=float(ranking.fused.combined[row]),
        stands_out=None if verdict is None else bool(verdict.stands_out[row]),
        nominated_by=ranking.pool.nominated_by[row],
    )


def _by_leg(image: float, text: float, find: Find) -> tuple[float | None, float | None, float | None]:
    """Image, text and caption."""
    if find is Find.CAPTIONS:
        return None, None, _number(image)
    return _number(image), _number(text), None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
