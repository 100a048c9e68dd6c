"""Candidates of a fused query: from vectors in memory, from the indexes, or by computing all matching pictures.

All are computed if the indexes still find better ones at three times the effort, and if not too many pictures match.
"""

import uuid
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from backend.errors import InputError
from backend.features.search.candidates import Candidates, Effort, Leg, checked_vector
from backend.features.search.exact_search import (
    BESIDE,
    READABLE_MEDIA,
    count_few,
    is_readable,
    measure_all,
)
from backend.features.search.index_search import Legs, search_indexes
from backend.features.search.scan_search import Scanned
from backend.features.search.vector_source import BestQuery, VectorSource
from backend.rules.search import Filters, check_count, check_fraction, weighted_sum
from backend.store.engine import Session
from backend.store.search import QueryVectors, estimate_matching, match


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
    scans: VectorSource | None = None,
) -> Candidates:
    """Candidates for the k best, at least k if so many match.

    `exact` is a guarantee up to the rounding of single precision in a cosine (about 1e-6), and so is every answer whose legs are `exact`.
    `certified` continues until the bound of Fagin's threshold algorithm is at or below the k-th result. The bound is alpha * the last
    similarity of the image scan + (1 - alpha) * that of the text scan; pictures without text have a scan and bound of their own. This is a
    proof if the scans are ordered. But an HNSW scan can skip a picture for good, so an answer is certified only if three times the effort
    changed nothing either. If that fails, all are computed if at most READABLE_MEDIA match; otherwise the answer says that it is not
    certified.

    Args:
        session: a transaction. Its settings are not changed.
        image_query: (d_image,) unit vector, or None.
        text_query: (d_text,) unit vector, or None.
        k: number of results wanted.
        alpha: weight of the image similarity.
        filters: conditions on the pictures.
        exclude: pictures to leave out.
        mode: how thoroughly to search.
        for_any_order: whether another ranking than the sum will follow. Then few matching pictures are all included, and otherwise
            the k nearest without text and the 100 nearest of each leg.
        scans: vectors in memory, if there are any. They give certain answers and are used if that is faster.

    Raises:
        InputError: k is below 1, alpha is outside 0..1, or there is no query. `field` names the parameter.
        InvalidVector: a query is malformed, zero, or contains NaN or infinity.
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
    # If computing all matching pictures is affordable, it costs less with filters than the deepest scan.
    stop_early = not filters.is_empty and estimate_matching(session, matching) <= READABLE_MEDIA
    named = search_indexes(session, query, matching, k, legs, stop_early=stop_early)
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
    scans: VectorSource,
    for_any_order: bool = False,
) -> Candidates | None:
    """Like `nominate`, with certainty, from vectors in memory. None if there are none, or if computing all matching pictures costs less."""
    query = QueryVectors(checked_vector(image_query), checked_vector(text_query), alpha)
    found = scans.best(session, BestQuery(query, k, filters, tuple(exclude), for_any_order))
    return None if found is None else _as_candidates(found, k, alpha)


def _as_candidates(found: Scanned, k: int, alpha: float) -> Candidates | None:
    """The pictures in order. None if there are fewer than k."""
    if len(found.ids) < k:
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
        scanned=found.compared,
        image_reach=found.image_reach,
        text_reach=found.text_reach,
    )
