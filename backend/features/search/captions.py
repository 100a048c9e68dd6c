"""Candidates among captions: those nearest to a picture, by their index or by computing all.

As for fused queries (see `backend.features.search.candidates`), the effort is tripled until that finds nothing better. If it never
does, all matching captions are computed.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidVector
from backend.features.search.candidates import Effort, checked_vector
from backend.features.search.exact_search import count_few, is_readable
from backend.rules.search import Filters, Vector, check_count
from backend.store.engine import Session
from backend.store.search import SEARCH_POLICY, Matching, match, nearest_captions_exactly, nominate_captions


@dataclass(frozen=True, eq=False)
class CaptionCandidates:
    """Nearest captions.

    Attributes:
        media_ids: up to k pictures, best first.
        similarity: (n,) cosines of picture and caption.
        certified: whether nothing better can have been missed, if the scan is ordered.
        exact: whether all were computed.
    """

    media_ids: list[uuid.UUID]
    similarity: Vector
    certified: bool
    exact: bool


def nearest_captions(
    session: Session,
    picture: NDArray[np.floating],
    *,
    k: int,
    filters: Filters,
    exclude: Collection[uuid.UUID] = (),
    mode: Effort = Effort.FAST,
) -> CaptionCandidates:
    """The k pictures whose captions are nearest to a picture vector (d_image,), or all if there are fewer.

    Raises:
        InputError: k is below one.
        InvalidVector: the vector is malformed, zero, or contains NaN or infinity.
    """
    check_count("k", k)
    image = checked_vector(picture)
    if image is None:
        raise InvalidVector("There is no picture to compare captions with.", hint="Give an image vector.")
    matching = match(**vars(filters), exclude=exclude)
    if mode is not Effort.EXACT and count_few(session, matching, filtered=not filters.is_empty) is None:
        rows, is_stable = _search(session, image, matching, k)
        if (is_stable and len(rows) >= k) or not is_readable(session, matching, len(rows), k):
            return _as_candidates(rows, certified=is_stable, exact=False)
    return _as_candidates(nearest_captions_exactly(session, image, matching, k), certified=True, exact=True)


def _search(
    session: Session, image: NDArray[np.float32], matching: Matching, k: int
) -> tuple[list[tuple[uuid.UUID, float]], bool]:
    """Scan the index with three times the effort each time. Returns the hits, and whether the last scan found nothing better."""
    effort = SEARCH_POLICY.effort_of_first_pass(k)
    rows = nominate_captions(session, image, matching, k, effort)
    while True:
        effort *= SEARCH_POLICY.effort_growth
        before = {media_id for media_id, _ in rows}
        rows = nominate_captions(session, image, matching, k, effort)
        fresh = len({media_id for media_id, _ in rows} - before)
        is_stable = SEARCH_POLICY.is_stable(fresh, k)
        if is_stable or SEARCH_POLICY.is_hopeless(fresh, k) or effort >= SEARCH_POLICY.last_effort:
            return rows, is_stable


def _as_candidates(rows: list[tuple[uuid.UUID, float]], *, certified: bool, exact: bool) -> CaptionCandidates:
    cosines = dict(rows)
    ordered = sorted(cosines, key=lambda media_id: (-cosines[media_id], media_id))
    similarity = np.array([cosines[media_id] for media_id in ordered], dtype=np.float64)
    return CaptionCandidates(ordered, similarity, certified, exact)
