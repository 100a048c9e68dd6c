"""Candidates of a fused query: by the vectors in memory, by the indexes, or, where neither serves, by measuring all.

Where three times the effort at the indexes still finds better ones, and the media that match are of a number for it, all
of them are measured.
"""

import uuid
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from backend.errors import InputError
from backend.features.search.candidates import Candidates, Effort, Leg, checked_vector
from backend.features.search.exact_search import (
    BESIDE,
    FEW_FILTERED_MEDIA,
    FEW_MEDIA,
    READABLE_MEDIA,
    count_few,
    is_readable,
    measure_all,
)
from backend.features.search.index_search import Legs, search_indexes
from backend.features.search.scan_search import Wanted, scan_candidates
from backend.rules.search import Filters, check_count, check_fraction, weighted_sum
from backend.store.engine import Session
from backend.store.search import QueryVectors, ScanKeeper, estimate_matching, match

# Under filters the scan has to try more media than are wanted, by their ids, which costs more than reading all in a row.
_PROBED = 256
_DEAR_BY_ID = 2
_MOST_SELECTED = 0.99


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
        return measure_all(session, query, matching, k, count, for_any_order=for_any_order)
    legs = Legs(bounded=mode is Effort.CERTIFIED, at_least=BESIDE if for_any_order else 0)
    # Where measuring all that match is to be had, it costs less under filters than the deepest pass.
    impatient = not filters.is_empty and estimate_matching(session, matching) <= READABLE_MEDIA
    named = search_indexes(session, query, matching, k, legs, impatient=impatient)
    is_enough = len(named.candidates.media_ids) >= k and named.is_stable
    if (is_enough and (mode is Effort.FAST or named.candidates.certified)) or not is_readable(
        session, matching, len(named.candidates.media_ids), k
    ):
        return named.answer()
    return measure_all(session, query, matching, k, for_any_order=for_any_order)


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
    wanted = Wanted(k, BESIDE, textless=k) if for_any_order else Wanted(k)
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
