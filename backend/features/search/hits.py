"""Results of a search."""

import math
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backend.features.search.query import Find
from backend.features.search.ranking import Ranking
from backend.rules.search import FusionMethod, Verdict
from backend.store.engine import Session
from backend.store.media import MediaWords, list_words


class Relevance(StrEnum):
    """Whether anything relevant was found. `unknown` if there is no background to compare with."""

    RELEVANT = "relevant"
    NOTHING_RELEVANT = "nothing_relevant"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Hit:
    """One picture that was found.

    Attributes:
        media_id: its id.
        title: its title.
        shown_title: what it is called: its title, else what its caption begins with, else its file name.
        location: its location.
        caption: its caption.
        keywords: its keywords.
        taken_at: when it was taken, None if unknown.
        taken_at_precision: the smallest unit of it that is known, '' if it is unknown.
        sim_image: cosine, None if missing or not searched.
        sim_text: cosine, None if missing or not searched.
        sim_caption: cosine, None if missing or not searched.
        calibrated_image: evidence of `sim_image` by the background: 0 is chance, 10 typical of one group; None without one.
        calibrated_text: the same for `sim_text`.
        calibrated_caption: the same for `sim_caption`.
        similarity: alpha * sim_image + (1 - alpha) * sim_text.
        combined: value that hits are sorted by, before diversity.
        stands_out: whether it stands out from the background, None if unknown.
        nominated_by: the legs that found it.
    """

    media_id: uuid.UUID
    title: str
    shown_title: str
    location: str
    caption: str
    keywords: tuple[str, ...]
    taken_at: datetime | None
    taken_at_precision: str
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
    """Result of a query.

    Attributes:
        find: what was searched.
        method: the method used.
        alpha: weight of the image similarity.
        certified: whether no better hit can have been missed.
        verdict: whether anything relevant was found.
        known_media_ids: pictures of the library that the uploaded pictures are: the same file, or the same picture saved again.
        hits: the hits, in the order that was asked for.
        next_cursor: cursor of the next page, None at the end.
        note: a remark, None if there is none.
    """

    find: Find
    method: FusionMethod
    alpha: float
    certified: bool
    verdict: Relevance
    known_media_ids: tuple[uuid.UUID, ...]
    hits: tuple[Hit, ...]
    next_cursor: str | None
    note: str | None


def fetch_hits(
    session: Session,
    ranking: Ranking,
    rows: list[int],
    find: Find,
    verdict: Verdict | None,
    known: Collection[uuid.UUID],
) -> tuple[Hit, ...]:
    """The hits at these rows of the pool, with the texts of their cards. What is `known` stands out in any case."""
    media_ids = [ranking.pool.media_ids[row] for row in rows]
    words = list_words(session, media_ids)
    # Skip pictures deleted meanwhile.
    return tuple(
        _hit(ranking, row, words[media_id], find, verdict, is_known=media_id in known)
        for row, media_id in zip(rows, media_ids, strict=True)
        if media_id in words
    )


def _hit(ranking: Ranking, row: int, words: MediaWords, find: Find, verdict: Verdict | None, *, is_known: bool) -> Hit:
    sims = _by_leg(ranking.pool.sim_image[row], ranking.pool.sim_text[row], find)
    calibrated = _by_leg(ranking.calibrated_image[row], ranking.calibrated_text[row], find)
    return Hit(
        words.media_id,
        words.title,
        words.shown_title,
        words.location,
        words.caption,
        words.keywords,
        words.taken_at,
        words.taken_at_precision,
        *sims,
        *calibrated,
        similarity=float(ranking.similarity[row]),
        combined=float(ranking.fused.combined[row]),
        stands_out=True if is_known else None if verdict is None else bool(verdict.stands_out[row]),
        nominated_by=ranking.pool.nominated_by[row],
    )


def _by_leg(image: float, text: float, find: Find) -> tuple[float | None, float | None, float | None]:
    """The cosines of image, text and caption."""
    if find is Find.CAPTIONS:
        return None, None, _number(image)
    return _number(image), _number(text), None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
