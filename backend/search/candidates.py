"""Candidates of a fused query: from the indexes that can nominate a winner at its alpha, or by measuring all.

What an HNSW index names is approximate, and how much effort it takes depends on the data: pictures and words have few
real dimensions, and a small effort finds everything; vectors without structure need thousands of steps, and then reading
all is faster. So the effort is tripled until three times the effort finds nothing better, and where that does not come
about, and the media that match are of a number for it, all of them are measured.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.db.candidates import (
    MAX_EF_SEARCH,
    Limits,
    Matching,
    Nomination,
    QueryVectors,
    count_matching,
    estimate_matching,
    match,
    nearest_exactly,
    nominate_by_index,
)
from backend.errors import InputError, InvalidVector
from backend.search.filters import Filters
from backend.search.legs import Vector, check_count, check_fraction, weighted_sum
from backend.search.scan_keeping import ScanKeeper
from backend.search.scan_nominating import Wanted, scan_candidates

# Up to so many, measuring all that match is as fast as any index, which under filters has to look further; see
# docs/decisions/0011.
FEW_MEDIA = 5_000
FEW_FILTERED_MEDIA = 20_000
# Up to so many, it is slow but no scandal where the index does not serve.
READABLE_MEDIA = 250_000
FIRST_EFFORT = 60
LAST_EFFORT = 540
_DEEPEST = 8_000
# Under filters the scan has to try more media than are wanted, by their ids, which costs more than reading all in a row.
_PROBED = 256
_DEAR_BY_ID = 2
_MOST_SELECTED = 0.99
# Of each leg, where another order than that of the sum is wanted: it may put first what is far on the other leg.
_BESIDE = 100


class Leg(StrEnum):
    """What nominated a candidate: an index, the scan of all vectors in memory, or the measuring of all."""

    IMAGE = "image"
    TEXT = "text"
    FUSED = "fused"
    TEXTLESS = "textless"
    SCAN = "scan"
    EXACT = "exact"


class Effort(StrEnum):
    """fast: until more effort finds nothing better; certified: and until the bound holds; exact: measure all."""

    FAST = "fast"
    CERTIFIED = "certified"
    EXACT = "exact"


@dataclass(frozen=True, eq=False)
class Candidates:
    """media_ids: n, best first by alpha * sim_image + (1 - alpha) * sim_text; at least k of them where so many match.

    sim_image, sim_text: (n,) cosines, NaN where a side is missing; nominated_by: the legs of each; bound: no media that
    is not here can have more, None where there is no such media; certified: the k-th has at least as much as the bound;
    scanned: how many media were measured; whole: whether all that match are here; image_reach, text_reach: no media that is not
    here has a greater cosine on this leg, as far as its scan gives its order whole; None where the leg was not scanned.
    """

    media_ids: list[uuid.UUID]
    sim_image: Vector
    sim_text: Vector
    nominated_by: list[frozenset[Leg]]
    certified: bool
    bound: float | None
    scanned: int
    whole: bool = False
    image_reach: float | None = None
    text_reach: float | None = None


def nominate(
    session: Session,
    image_query: NDArray[np.floating] | None,
    text_query: NDArray[np.floating] | None,
    *,
    k: int,
    alpha: float,
    filters: Filters,
    exclude: Collection[uuid.UUID] = (),
    mode: Effort = Effort.FAST,
    for_any_order: bool = False,
    scans: ScanKeeper | None = None,
) -> Candidates:
    """The candidates for the k best; always at least k where k match.

    `exact` is a guarantee, up to the rounding of single precision in a cosine (about 1e-6), and so is every answer whose
    legs are `exact`. `certified` goes on until the bound of Fagin's threshold algorithm (alpha * the last similarity
    of the image scan + (1 - alpha) * that of the text scan; media without text are bounded by their own scan) is at or below
    the k-th result. That is a proof as far as the scans give their orders whole. An HNSW scan may pass by a media
    and never come back to it, so it is certified only if three times the effort changed nothing as well; where either
    fails, all is measured if at most READABLE_MEDIA match, and else the answer is not certified and says so.

    Args:
        session: a transaction; its settings are left as they are.
        image_query: (d_image,) of unit length, or None.
        text_query: (d_text,) of unit length, or None.
        k: how many are wanted.
        alpha: weight of the image leg.
        filters: what the media have to match.
        exclude: media that are not wanted.
        mode: how far to go.
        for_any_order: whether they will be put into another order than that of the sum: then all come where few match, and
            the k nearest media without text, and the 100 nearest of each leg, are among them in any case.
        scans: where vectors are kept in memory; the answer is certain then, and comes from there where that is faster.

    Raises:
        InputError: k is below one, alpha is outside 0..1, or there is no query; `field` says which.
        InvalidVector: a query is no vector, zero, or holds NaN or infinity.
    """
    check_count("k", k)
    check_fraction("alpha", alpha)
    if image_query is None and text_query is None:
        raise InputError("There is nothing to search by.", hint="Give an image or a text vector.", field="query")
    query = QueryVectors(checked_vector(image_query), checked_vector(text_query), alpha)
    matching = match(**vars(filters), exclude=exclude)
    if scans is not None and mode is not Effort.EXACT:
        scanned = nominate_by_scan(
            session,
            image_query,
            text_query,
            k=k,
            alpha=alpha,
            filters=filters,
            exclude=exclude,
            scans=scans,
            for_any_order=for_any_order,
        )
        if scanned is not None:
            return scanned
    count = None if mode is Effort.EXACT else count_few(session, matching, filtered=not filters.is_empty)
    if mode is Effort.EXACT or count is not None:
        return _measure_all(session, query, matching, k, count, for_any_order=for_any_order)
    legs = _Legs(bounded=mode is Effort.CERTIFIED, at_least=_BESIDE if for_any_order else 0)
    # Where measuring all that match is to be had, it costs less under filters than the deepest pass.
    impatient = not filters.is_empty and estimate_matching(session, matching) <= READABLE_MEDIA
    named = _search(session, query, matching, k, legs, impatient=impatient)
    is_enough = len(named.candidates.media_ids) >= k and named.is_stable
    if (is_enough and (mode is Effort.FAST or named.candidates.certified)) or not is_readable(
        session, matching, len(named.candidates.media_ids), k
    ):
        return named.answer()
    return _measure_all(session, query, matching, k, for_any_order=for_any_order)


def nominate_by_scan(
    session: Session,
    image_query: NDArray[np.floating] | None,
    text_query: NDArray[np.floating] | None,
    *,
    k: int,
    alpha: float,
    filters: Filters,
    exclude: Collection[uuid.UUID],
    scans: ScanKeeper,
    for_any_order: bool = False,
) -> Candidates | None:
    """As `nominate`, from the vectors in memory, and certain; None where there are none, or where measuring all that match
    costs less."""
    kept = scans.caught_up(session)
    if kept is None:
        return None
    scan, view = kept
    query = QueryVectors(checked_vector(image_query), checked_vector(text_query), alpha)
    matching = match(**vars(filters), exclude=exclude)
    selectivity = 1.0
    if not filters.is_empty:
        estimate = estimate_matching(session, matching)
        selectivity = min(_MOST_SELECTED, max(1, estimate) / max(1, len(view)))
        if estimate < (FEW_FILTERED_MEDIA if for_any_order else _DEAR_BY_ID * (_PROBED + 2 * k) / selectivity):
            return None
    elif len(view) <= (FEW_MEDIA if for_any_order else k):
        return None
    wanted = Wanted(k, _BESIDE, textless=k) if for_any_order else Wanted(k)
    found = scan_candidates(session, scan, view, query, matching, wanted, selectivity=selectivity, exclude=exclude)
    if found is None or len(found.ids) < k:
        return None
    combined = weighted_sum(found.sim_image, found.sim_text, alpha)
    order = np.lexsort((found.keys, -np.nan_to_num(found.sim_image, nan=-np.inf), -combined))
    return Candidates(
        media_ids=[uuid.UUID(bytes=found.ids[row].tobytes()) for row in order],
        sim_image=found.sim_image[order],
        sim_text=found.sim_text[order],
        nominated_by=[frozenset({Leg.SCAN})] * len(order),
        certified=True,
        bound=float(combined[order[k - 1]]),
        scanned=len(view),
        image_reach=found.image_reach,
        text_reach=found.text_reach,
    )


@dataclass(frozen=True)
class _Legs:
    """bounded: all have to be scanned, for a bound; at_least: rows of each single leg, whatever alpha is."""

    bounded: bool
    at_least: int


@dataclass(frozen=True, eq=False)
class _Found:
    candidates: Candidates
    is_stable: bool

    def answer(self) -> Candidates:
        """A bound by scans that still find better media proves nothing."""
        return self.candidates if self.is_stable else replace(self.candidates, certified=False)


def count_few(session: Session, matching: Matching, *, filtered: bool) -> int | None:
    """How many match, if they are few enough to measure them all; else None."""
    few = FEW_FILTERED_MEDIA if filtered else FEW_MEDIA
    # The planner's opinion saves the counting where it is clear.
    if estimate_matching(session, matching) > 4 * few:
        return None
    count = count_matching(session, matching, few + 1)
    return count if count <= few else None


def is_readable(session: Session, matching: Matching, found: int, k: int) -> bool:
    """Whether measuring all that match is to be had where the indexes, which found so many, do not serve."""
    if found < k:
        return True  # an answer that lacks media is worse than a slow one
    return count_matching(session, matching, READABLE_MEDIA + 1) <= READABLE_MEDIA


def _measure_all(
    session: Session,
    query: QueryVectors,
    matching: Matching,
    k: int,
    count: int | None = None,
    *,
    for_any_order: bool = False,
) -> Candidates:
    wanted = max(k, count) if for_any_order and count is not None else k
    rows = nearest_exactly(session, query, matching, wanted)
    matching_count = count_matching(session, matching, 2**31 - 1) if count is None else count
    combined = _combined(rows, query)
    is_whole = matching_count <= len(rows)
    bound = None if is_whole else float(combined[-1])
    beside = _nominate_beside(session, query, matching, k) if for_any_order and not is_whole else []
    known = {row.media_id for row in rows}
    rows += [row for row in beside if row.media_id not in known]
    found = _as_candidates(rows, bound, certified=True, scanned=matching_count)
    return replace(found, whole=is_whole, image_reach=_reach(beside, Leg.IMAGE), text_reach=_reach(beside, Leg.TEXT))


def _nominate_beside(session: Session, query: QueryVectors, matching: Matching, k: int) -> list[Nomination]:
    """The k nearest media without text, and the nearest of each leg."""
    limits = Limits(image=_BESIDE, text=_BESIDE, fused=0, textless=k, effort=min(max(FIRST_EFFORT, k), MAX_EF_SEARCH))
    return nominate_by_index(session, query, matching, limits)


def _search(
    session: Session, query: QueryVectors, matching: Matching, k: int, legs: _Legs, *, impatient: bool
) -> _Found:
    """Pass over the indexes with three times the effort each time, until nothing better comes up, or, impatient, something does."""
    effort = min(500, max(FIRST_EFFORT, 2 * k))
    depth = max(k, min(effort, 100 + 2 * k))
    found = _pass(session, query, matching, k, _limits(query, k, depth, effort, legs))
    while True:
        effort, depth = 3 * effort, max(k, min(3 * effort, 100 + 2 * k)) if not legs.bounded else 3 * depth
        before = set(found.media_ids[:k])
        found = _pass(session, query, matching, k, _limits(query, k, depth, effort, legs))
        fresh = len(set(found.media_ids[:k]) - before)
        is_stable = fresh <= k // 50
        if fresh > k / 4 or (impatient and not is_stable) or (is_stable and (found.certified or not legs.bounded)):
            return _Found(found, is_stable)
        if effort >= LAST_EFFORT and (not legs.bounded or depth >= _DEEPEST):
            return _Found(found, is_stable)


def _limits(query: QueryVectors, k: int, depth: int, effort: int, legs: _Legs) -> Limits:
    """Which legs can nominate a winner at this alpha; a bound needs them all."""
    is_two_sided = query.image is not None and query.text is not None
    return Limits(
        image=depth if legs.bounded or not is_two_sided or query.alpha >= 0.7 else legs.at_least,
        text=depth if legs.bounded or not is_two_sided or query.alpha <= 0.3 else legs.at_least,
        fused=min(depth, 100 + 2 * k),
        textless=k,
        effort=min(effort, MAX_EF_SEARCH),
    )


def _pass(session: Session, query: QueryVectors, matching: Matching, k: int, limits: Limits) -> Candidates:
    rows = nominate_by_index(session, query, matching, limits)
    combined = _combined(rows, query)
    order = sorted(range(len(rows)), key=lambda place: (-combined[place], rows[place].media_id))
    bound = _bound(rows, query, limits)
    certified = bound is None or (len(rows) >= k and bound <= combined[order[k - 1]])
    found = _as_candidates([rows[place] for place in order], bound, certified=bool(certified), scanned=len(rows))
    return replace(found, image_reach=_reach(rows, Leg.IMAGE), text_reach=_reach(rows, Leg.TEXT))


def _bound(rows: list[Nomination], query: QueryVectors, limits: Limits) -> float | None:
    """The most that a media in none of the scans can have, if they are in order; None where there is none."""
    image, words = _reach(rows, Leg.IMAGE), _reach(rows, Leg.TEXT)
    textless = [row.sim_image for row in rows if Leg.TEXTLESS in row.legs]
    bounds = []
    if rows and not (limits.text and query.text is not None and words is None):
        image_part = 0.0 if query.image is None else query.alpha * (1.0 if image is None else image)
        words_part = 0.0 if query.text is None else (1 - query.alpha) * (1.0 if words is None else words)
        bounds.append(image_part + words_part)
    if limits.textless and len(textless) >= limits.textless:
        last = _last(textless)
        bounds.append(0.0 if last is None else query.alpha * last)
    return max(bounds) if bounds else None


def _reach(rows: list[Nomination], leg: Leg) -> float | None:
    """The last similarity of the scan of one leg."""
    return _last([row.sim_image if leg is Leg.IMAGE else row.sim_text for row in rows if leg in row.legs])


def _last(similarities: list[float | None]) -> float | None:
    return min((one for one in similarities if one is not None), default=None)


def _combined(rows: list[Nomination], query: QueryVectors) -> Vector:
    return weighted_sum(_column([row.sim_image for row in rows]), _column([row.sim_text for row in rows]), query.alpha)


def _as_candidates(rows: list[Nomination], bound: float | None, *, certified: bool, scanned: int) -> Candidates:
    return Candidates(
        media_ids=[row.media_id for row in rows],
        sim_image=_column([row.sim_image for row in rows]),
        sim_text=_column([row.sim_text for row in rows]),
        nominated_by=[frozenset(Leg(leg) for leg in row.legs) for row in rows],
        certified=certified,
        bound=bound,
        scanned=scanned,
    )


def _column(values: list[float | None]) -> Vector:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def checked_vector(query: NDArray[np.floating] | None) -> NDArray[np.float32] | None:
    """Raises InvalidVector for a query that is no vector, zero, or holds NaN or infinity."""
    if query is None:
        return None
    vector = np.asarray(query, dtype=np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all() or not vector.any():
        raise InvalidVector("A query is no vector, zero, or holds NaN or infinity.", hint="Embed the query again.")
    return vector
