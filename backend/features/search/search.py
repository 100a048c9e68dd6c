"""The search service: text and pictures, alone or combined, ranked, judged for relevance and paged."""

import uuid
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.features.search.background_samples import open_backgrounds
from backend.features.search.hits import Answer, Relevance, fetch_hits
from backend.features.search.known_pictures import find_known
from backend.features.search.pool import count_eligible, draw_pool
from backend.features.search.query import HitOrder, SearchQuery, checked
from backend.features.search.query_vectors import QueryEncoder, fetch_examples
from backend.features.search.ranking import Ranking, behind, nominating_alpha, rank_pool
from backend.features.search.spread import similarity_in
from backend.features.search.unseen import most_similarity_unseen, most_unseen
from backend.features.search.vector_source import VectorSource
from backend.rules.search import (
    Backgrounds,
    Example,
    FusionMethod,
    LastHit,
    Query,
    Verdict,
    diversify,
    judge,
    read_last_hit,
    unit_range,
    write_last_hit,
)
from backend.store.engine import Database, Session, forbid_writes
from backend.store.media import get_media, list_moments, resolve_copies
from backend.store.schema import Space
from backend.store.spaces import get_alpha, hold_active_space

# A calibrated order differs from that of raw sums, so draw more candidates than are shown.
_OVERDRAW = 4
_LEAST_DEPTH = 400
_MOST_DEPTH = 20_000
# Ranks, diversity and dates order all candidates, so every page draws the same number.
_RRF_POOL = 1_000
_DIVERSE_POOL = 500
_DATED_POOL = 1_000
_POOL_ENDS = (
    "This ranking covers the nearest {:,} pictures only. Use the method raw or calibrated "
    f"without diversity to page further, up to {_MOST_DEPTH:,}."
)
_DATES_END = "Only the nearest {:,} pictures are in order of date. Use filters, or a higher min_similarity."
_NOTHING_TO_ORDER = "Nothing stands out, so nothing is in order of date. Give min_similarity, or order by relevance."
_DEPTH_ENDS = "A search covers the nearest {:,} pictures only. Use filters to reach others."
# Tolerance for cosines in single precision.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class _Asked:
    """A validated query, with everything needed to answer it."""

    query: SearchQuery
    alpha: float
    vectors: Query
    hashes: tuple[int, ...]
    backgrounds: Backgrounds | None
    last: LastHit | None
    digest: str
    scans: VectorSource | None

    @property
    def method(self) -> FusionMethod:
        return self.query.wanted_method

    @property
    def is_by_date(self) -> bool:
        return self.query.order_by is not HitOrder.RELEVANCE


@dataclass(frozen=True)
class Searcher:
    """Answers queries. Cheap to create: models are loaded by the first query that needs them.

    `alpha` is for queries without one, if none was chosen for the library. `scans` are vectors in memory.
    """

    database: Database
    encoder: QueryEncoder
    alpha: float
    scans: VectorSource | None = None

    def search(self, query: SearchQuery) -> Answer:
        """Answer one page. Writes nothing but sampled backgrounds.

        Raises:
            InvalidQuery: the query is invalid. `field` in the error's context names the parameter.
            NotFound, Conflict: an example does not exist, or has no embedding yet.
            SpaceMismatch, EncoderUnavailable: the encoders are not available.
        """
        query = checked(query)
        while True:
            with self.database.transaction() as session:
                alpha = get_alpha(session, self.alpha) if query.alpha is None else query.alpha
                query = replace(query, alpha=alpha)
                digest = query.digest()
                last = None if query.cursor is None else read_last_hit(query.cursor, digest)
                # Held, so that stored vectors and backgrounds belong to the same space.
                space = hold_active_space(session)
                query = _without_copies(session, query)
                stored = _fetch_stored(session, query, space)
                backgrounds = None if space is None else open_backgrounds(session, space, query.background_kind)
            if space is None:
                return _empty(query, alpha)
            vectors, hashes = self.encoder.encode(query, space, *stored)
            backgrounds = None if backgrounds is None else backgrounds.about(vectors.image, vectors.text)
            asked = _Asked(query, alpha, vectors, hashes, backgrounds, last, digest, self.scans)
            with self.database.transaction() as session:
                forbid_writes(session)
                held = hold_active_space(session)
                if held is not None and held.id == space.id:
                    return _answer(session, asked)
            # Another space was activated while the query was encoded, so its vectors are useless. Encode it again.


def _without_copies(session: Session, query: SearchQuery) -> SearchQuery:
    if not (query.media_ids or query.not_media_ids):
        return query
    like = resolve_copies(session, [*query.media_ids, *query.not_media_ids])
    count = len(query.media_ids)
    return replace(query, media_ids=tuple(like[:count]), not_media_ids=tuple(like[count:]))


def _fetch_stored(session: Session, query: SearchQuery, space: Space | None) -> tuple[list[Example], list[Example]]:
    if space is None:
        for media_id in (*query.media_ids, *query.not_media_ids):
            get_media(session, media_id)
        return [], []
    return fetch_examples(session, query.media_ids), fetch_examples(session, query.not_media_ids)


def _empty(query: SearchQuery, alpha: float) -> Answer:
    return Answer(
        query.find,
        query.wanted_method,
        alpha,
        certified=True,
        verdict=Relevance.NOTHING_RELEVANT,
        known_media_ids=(),
        hits=(),
        next_cursor=None,
        note="Nothing is embedded yet: no worker has run for this library.",
    )


def _answer(session: Session, asked: _Asked) -> Answer:
    ranking, order, rows = _page(session, asked)
    verdict = _judge(session, asked, ranking)
    known = find_known(session, asked.query.pictures, asked.hashes, ranking.pool)
    note = ranking.note
    if asked.is_by_date:
        chosen = _rows_to_date(asked, ranking, verdict, known)
        order = _in_order_of_date(session, asked, ranking, chosen)
        rows = _after(ranking, order, asked.last)
        note = note or _note_on_dates(asked, ranking, chosen)
    page = rows[: asked.query.k]
    more = len(rows) > len(page)
    return Answer(
        find=asked.query.find,
        method=ranking.method,
        alpha=asked.alpha,
        certified=_is_certified(asked, ranking, rows),
        verdict=_name(verdict, is_known=not set(ranking.pool.media_ids).isdisjoint(known)),
        known_media_ids=known,
        hits=fetch_hits(session, ranking, page, asked.query.find, verdict, known),
        next_cursor=write_last_hit(_last_hit(ranking, order, page[-1]), asked.digest) if more and page else None,
        note=note or (None if asked.is_by_date else _note_on_end(asked, ranking, more=more)),
    )


def _page(session: Session, asked: _Asked) -> tuple[Ranking, NDArray[np.int64], list[int]]:
    """The ranking, its order after diversity, and the rows of this page, followed by at least one more hit if there is one."""
    alpha = nominating_alpha(asked.method, asked.alpha, asked.backgrounds)
    depth = _depth(asked)
    while True:
        pool = draw_pool(session, asked.query, asked.vectors, depth, alpha, asked.scans).holding(asked.last)
        ranking = rank_pool(pool, asked.method, asked.alpha, asked.backgrounds)
        if ranking.method is FusionMethod.RRF and depth != _fixed_pool(asked, ranking.method):
            depth = _fixed_pool(asked, ranking.method) or depth
            continue
        order = _diversified(session, asked, ranking)
        rows = [int(row) for row in behind(pool, order, asked.last) if _is_near_enough(asked, ranking, int(row))]
        fixed = _fixed_pool(asked, ranking.method) is not None
        is_enough = len(rows) > asked.query.k and _is_settled(asked, ranking, rows)
        if is_enough or pool.whole or fixed or depth >= _MOST_DEPTH or _is_exhausted(asked, ranking):
            return ranking, order, rows
        depth = min(depth * _OVERDRAW, _MOST_DEPTH)


def _rows_to_date(asked: _Asked, ranking: Ranking, verdict: Verdict | None, known: tuple[uuid.UUID, ...]) -> list[int]:
    """The candidates that an order by date is of: those that reach the minimum similarity, without one those that stand out, all if
    that is unknown. The last hit of the previous page is none if it was deleted."""
    rows = range(len(ranking.pool.media_ids))
    if asked.query.min_similarity is not None:
        return [row for row in rows if _is_near_enough(asked, ranking, row)]
    return [row for row in rows if verdict is None or verdict.stands_out[row] or ranking.pool.media_ids[row] in known]


def _in_order_of_date(session: Session, asked: _Asked, ranking: Ranking, rows: list[int]) -> NDArray[np.int64]:
    ids = ranking.pool.media_ids
    moments = list_moments(session, [ids[row] for row in rows])
    # Stable sorts: equal dates are in the order of ids, in the direction of the dates.
    is_descending = asked.query.order_by is HitOrder.TAKEN_NEWEST
    there = sorted((row for row in rows if ids[row] in moments), key=lambda row: ids[row], reverse=is_descending)
    dated = [(moment, row) for row in there if (moment := moments[ids[row]]) is not None]
    dated.sort(key=lambda one: one[0], reverse=is_descending)
    undated = [row for row in there if moments[ids[row]] is None]
    return np.array([row for _, row in dated] + undated, dtype=np.int64)


def _after(ranking: Ranking, order: NDArray[np.int64], last: LastHit | None) -> list[int]:
    """The rows after the last hit of the previous page. If it was deleted, those behind it have moved up by one place."""
    if last is None:
        return [int(row) for row in order]
    at = np.flatnonzero(order == ranking.pool.media_ids.index(last.media_id))
    return [int(row) for row in order[int(at[0]) + 1 if len(at) else last.position - 1 :]]


def _note_on_dates(asked: _Asked, ranking: Ranking, rows: list[int]) -> str | None:
    if not rows:
        return _NOTHING_TO_ORDER if asked.query.min_similarity is None and ranking.pool.media_ids else None
    return None if ranking.pool.whole or len(rows) < _DATED_POOL else _DATES_END.format(_DATED_POOL)


def _is_settled(asked: _Asked, ranking: Ranking, rows: list[int]) -> bool:
    """Whether no deeper candidate can rank before the hit after this page."""
    if ranking.method is not FusionMethod.CALIBRATED or asked.backgrounds is None:
        return True
    raw_alpha = nominating_alpha(ranking.method, asked.alpha, asked.backgrounds)
    bound = most_unseen(ranking.pool, asked.alpha, raw_alpha, asked.backgrounds)
    return bool(ranking.fused.combined[rows[asked.query.k]] >= bound)


def _is_exhausted(asked: _Asked, ranking: Ranking) -> bool:
    """Whether no deeper candidate can reach the minimum similarity."""
    least = asked.query.min_similarity
    if least is None or asked.query.diversity > 0 or ranking.method is FusionMethod.RRF:
        return False
    raw_alpha = nominating_alpha(ranking.method, asked.alpha, asked.backgrounds)
    return most_similarity_unseen(ranking.pool, asked.alpha, raw_alpha) < least - _ROUNDING


def _is_certified(asked: _Asked, ranking: Ranking, rows: list[int]) -> bool:
    """Whether no better hit can have been missed."""
    if asked.is_by_date:
        return ranking.pool.whole or (ranking.pool.certified and _is_exhausted(asked, ranking))
    if ranking.pool.whole or ranking.method is FusionMethod.RAW:
        return ranking.pool.whole or ranking.pool.certified
    if ranking.method is FusionMethod.RRF or asked.query.diversity > 0:
        return False
    if not ranking.pool.certified:
        return False
    return _is_exhausted(asked, ranking) or (len(rows) > asked.query.k and _is_settled(asked, ranking, rows))


def _depth(asked: _Asked) -> int:
    fixed = _fixed_pool(asked, asked.method)
    if fixed is not None:
        return fixed
    shown = asked.query.k + 1 + (0 if asked.last is None else asked.last.position)
    if asked.method is FusionMethod.RAW:
        return min(shown, _MOST_DEPTH)
    # In powers, so that neighbouring pages use the same candidates.
    depth = _LEAST_DEPTH
    while depth < _OVERDRAW * shown:
        depth *= _OVERDRAW
    return min(depth, _MOST_DEPTH)


def _fixed_pool(asked: _Asked, method: FusionMethod) -> int | None:
    if asked.query.diversity > 0:
        return _DIVERSE_POOL + 1
    if asked.is_by_date:
        return _DATED_POOL
    return _RRF_POOL + 1 if method is FusionMethod.RRF else None


def _is_near_enough(asked: _Asked, ranking: Ranking, row: int) -> bool:
    least = asked.query.min_similarity
    return least is None or bool(ranking.similarity[row] >= least)


def _diversified(session: Session, asked: _Asked, ranking: Ranking) -> NDArray[np.int64]:
    if asked.query.diversity == 0 or len(ranking.order) == 0:
        return ranking.order
    between = similarity_in(session, ranking.pool.media_ids, asked.query.find, asked.alpha)
    relevance = unit_range(ranking.fused.combined)
    # In order of relevance, because among equals the earlier row wins.
    order = ranking.order
    chosen = diversify(
        relevance[order], lambda row: between(int(order[row]))[order], len(order), 1 - asked.query.diversity
    )
    return order[chosen.rows]


def _judge(session: Session, asked: _Asked, ranking: Ranking) -> Verdict | None:
    """Whether any candidate stands out. None if unknown."""
    image, text = ranking.normal_image, ranking.normal_text
    if asked.backgrounds is None or (np.isnan(image).all() and np.isnan(text).all()):
        return None
    pool = ranking.pool
    media_count = len(pool.media_ids) if pool.whole else count_eligible(session, asked.query)
    return judge(image, text, asked.alpha, max(media_count, 1), correlation=asked.backgrounds.correlation)


def _name(verdict: Verdict | None, *, is_known: bool) -> Relevance:
    if is_known:
        return Relevance.RELEVANT
    if verdict is None:
        return Relevance.UNKNOWN
    return Relevance.RELEVANT if verdict.relevant else Relevance.NOTHING_RELEVANT


def _note_on_end(asked: _Asked, ranking: Ranking, *, more: bool) -> str | None:
    if more or ranking.pool.whole or _is_exhausted(asked, ranking):
        return None
    fixed = _fixed_pool(asked, ranking.method)
    return _DEPTH_ENDS.format(_MOST_DEPTH) if fixed is None else _POOL_ENDS.format(fixed - 1)


def _last_hit(ranking: Ranking, order: NDArray[np.int64], row: int) -> LastHit:
    image, text = ranking.pool.sim_image[row], ranking.pool.sim_text[row]
    return LastHit(
        ranking.pool.media_ids[row],
        None if np.isnan(image) else float(image),
        None if np.isnan(text) else float(text),
        int(np.flatnonzero(order == row)[0]) + 1,
    )
