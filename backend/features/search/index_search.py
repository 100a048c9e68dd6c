"""Candidates of a fused query by the HNSW indexes that can contain a winner at its alpha.

HNSW is approximate, and the effort it needs depends on the data. Pictures and texts have few intrinsic dimensions, so that a small
effort finds everything. Vectors without structure need thousands of steps, and reading all is faster. So the effort is tripled until
that finds nothing better, or turns out to be hopeless.
"""

from dataclasses import dataclass, replace

from backend.features.search.candidates import Candidates, Leg, as_candidates, combined_of, least_of, reach_of
from backend.store.engine import Session
from backend.store.search import SEARCH_POLICY, Limits, Matching, Nomination, QueryVectors, nominate_by_index

# Largest depth of scans for a bound, which go deeper than others.
_DEEPEST_BOUNDED = 8_000
# Scans are in the order of vectors in half precision. Rounding a number changes it by a 2**11th at most, so it turns a vector by an angle of as much;
# query and picture are rounded, and both the last picture of a scan and the one behind it.
_LOST = 4 * 2.0**-11


@dataclass(frozen=True)
class Legs:
    """Which indexes to scan. `bounded`: all, to get a bound. `at_least`: rows of each single leg, whatever alpha is."""

    bounded: bool
    at_least: int


@dataclass(frozen=True, eq=False)
class Found:
    candidates: Candidates
    is_stable: bool

    def answer(self) -> Candidates:
        """The candidates. Without stability, a bound proves nothing: the scans still find better pictures."""
        return self.candidates if self.is_stable else replace(self.candidates, certified=False)


def search_indexes(
    session: Session, query: QueryVectors, matching: Matching, k: int, legs: Legs, *, stop_early: bool
) -> Found:
    """Scan the indexes with three times the effort each time, until that finds nothing better. With `stop_early`, give up as soon as it
    does."""
    effort = SEARCH_POLICY.effort_of_first_pass(k)
    depth = SEARCH_POLICY.depth(k, effort)
    found = _pass(session, query, matching, k, _limits(query, k, depth, effort, legs))
    while True:
        effort *= SEARCH_POLICY.effort_growth
        depth = SEARCH_POLICY.effort_growth * depth if legs.bounded else SEARCH_POLICY.depth(k, effort)
        before = set(found.media_ids[:k])
        found = _pass(session, query, matching, k, _limits(query, k, depth, effort, legs))
        fresh = len(set(found.media_ids[:k]) - before)
        is_stable = SEARCH_POLICY.is_stable(fresh, k)
        is_hopeless = SEARCH_POLICY.is_hopeless(fresh, k)
        if is_hopeless or (stop_early and not is_stable) or (is_stable and (found.certified or not legs.bounded)):
            return Found(found, is_stable)
        if effort >= SEARCH_POLICY.last_effort and (not legs.bounded or depth >= _DEEPEST_BOUNDED):
            return Found(found, is_stable)


def _limits(query: QueryVectors, k: int, depth: int, effort: int, legs: Legs) -> Limits:
    """The legs that can contain a winner at this alpha. A bound needs all of them."""
    all_legs = legs.bounded or query.image is None or query.text is None
    return Limits(
        image=depth if all_legs or query.alpha >= SEARCH_POLICY.image_from_alpha else legs.at_least,
        text=depth if all_legs or query.alpha <= SEARCH_POLICY.text_up_to_alpha else legs.at_least,
        fused=min(depth, SEARCH_POLICY.deepest(k)),
        textless=SEARCH_POLICY.least_depth(k),
        effort=min(effort, SEARCH_POLICY.most_effort),
    )


def _pass(session: Session, query: QueryVectors, matching: Matching, k: int, limits: Limits) -> Candidates:
    rows = nominate_by_index(session, query, matching, limits)
    combined = combined_of(rows, query)
    order = sorted(range(len(rows)), key=lambda index: (-combined[index], rows[index].media_id))
    bound = _bound(rows, query, limits)
    certified = bound is None or (len(rows) >= k and bound <= combined[order[k - 1]])
    found = as_candidates([rows[index] for index in order], bound, certified=bool(certified), scanned=len(rows))
    return replace(found, image_reach=_reach(rows, Leg.IMAGE), text_reach=_reach(rows, Leg.TEXT))


def _reach(rows: list[Nomination], leg: Leg) -> float | None:
    """Upper bound of the similarity of all pictures behind the scan of a leg, if it is ordered."""
    last = reach_of(rows, leg)
    return None if last is None else min(1.0, last + _LOST)


def _bound(rows: list[Nomination], query: QueryVectors, limits: Limits) -> float | None:
    """Upper bound of the sum for pictures in none of the scans, if these are ordered. None if there is none."""
    image, words = _reach(rows, Leg.IMAGE), _reach(rows, Leg.TEXT)
    textless = [row.sim_image for row in rows if Leg.TEXTLESS in row.legs]
    bounds = []
    if rows and not (limits.text and query.text is not None and words is None):
        image_part = 0.0 if query.image is None else query.alpha * (1.0 if image is None else image)
        words_part = 0.0 if query.text is None else (1 - query.alpha) * (1.0 if words is None else words)
        bounds.append(image_part + words_part)
    if limits.textless and len(textless) >= limits.textless:
        last = least_of(textless)
        bounds.append(0.0 if last is None else query.alpha * min(1.0, last + _LOST))
    return max(bounds) if bounds else None
