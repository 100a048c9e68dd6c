"""Candidates of a fused query by measuring all that match, and when that is to be had."""

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

# Up to so many, measuring all that match is as fast as any index, which under filters has to look further; see
# docs/decisions/0011.
FEW_MEDIA = SEARCH_POLICY.few_media
FEW_FILTERED_MEDIA = SEARCH_POLICY.few_filtered_media
READABLE_MEDIA = SEARCH_POLICY.readable_media
# Of each leg, where another order than that of the sum is wanted: it may put first what is far on the other leg.
BESIDE = 100


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
    """The k nearest media without text, and the nearest of each leg."""
    effort = min(max(SEARCH_POLICY.first_effort, k), SEARCH_POLICY.most_effort)
    limits = Limits(image=BESIDE, text=BESIDE, fused=0, textless=k, effort=effort)
    return nominate_by_index(session, query, matching, limits)
