"""Candidates of a fused query by computing all matching pictures, and when that is affordable."""

from dataclasses import replace

from backend.features.search.candidates import Candidates, Leg, as_candidates, combined_of, reach_of
from backend.store.engine import Session
from backend.store.search import (
    SEARCH_POLICY,
    Limits,
    Matching,
    Nomination,
    QueryVectors,
    count_matching,
    estimate_matching,
    nearest_exactly,
    nominate_by_index,
)

# Up to these numbers, computing all matching pictures is as fast as any index. Filters slow indexes down, because they must scan
# further. See docs/decisions/0011.
FEW_MEDIA = SEARCH_POLICY.few_media
FEW_FILTERED_MEDIA = SEARCH_POLICY.few_filtered_media
READABLE_MEDIA = SEARCH_POLICY.readable_media
# Candidates per leg for rankings other than the sum, which may prefer pictures that are far on the other leg.
BESIDE = 100


def count_few(session: Session, matching: Matching, *, filtered: bool) -> int | None:
    """The number of matching pictures if they are few enough to compute all, otherwise None."""
    few = FEW_FILTERED_MEDIA if filtered else FEW_MEDIA
    # The planner's estimate avoids counting in clear cases.
    if estimate_matching(session, matching) > 4 * few:
        return None
    count = count_matching(session, matching, few + 1)
    return count if count <= few else None


def is_readable(session: Session, matching: Matching, found: int, k: int) -> bool:
    """Whether computing all matching pictures is affordable after the indexes, which found `found`, failed."""
    if found < k:
        return True  # an incomplete answer is worse than a slow one
    return count_matching(session, matching, READABLE_MEDIA + 1) <= READABLE_MEDIA


def measure_all(
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
    combined = combined_of(rows, query)
    is_whole = matching_count <= len(rows)
    bound = None if is_whole else float(combined[-1])
    beside = _nominate_beside(session, query, matching, k) if for_any_order and not is_whole else []
    known = {row.media_id for row in rows}
    rows += [row for row in beside if row.media_id not in known]
    found = as_candidates(rows, bound, certified=True, scanned=matching_count)
    return replace(
        found, whole=is_whole, image_reach=reach_of(beside, Leg.IMAGE), text_reach=reach_of(beside, Leg.TEXT)
    )


def _nominate_beside(session: Session, query: QueryVectors, matching: Matching, k: int) -> list[Nomination]:
    """The k nearest pictures without text, and the nearest of each leg."""
    effort = min(max(SEARCH_POLICY.first_effort, k), SEARCH_POLICY.most_effort)
    limits = Limits(image=BESIDE, text=BESIDE, fused=0, textless=k, effort=effort)
    return nominate_by_index(session, query, matching, limits)
