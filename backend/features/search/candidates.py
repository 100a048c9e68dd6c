"""What is known of the media that may be the best of a fused query, whichever way they were found."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidVector
from backend.rules.search import Vector, weighted_sum
from backend.store.search import Nomination, QueryVectors


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


def reach_of(rows: list[Nomination], leg: Leg) -> float | None:
    """The last similarity of the scan of one leg."""
    return least_of([row.sim_image if leg is Leg.IMAGE else row.sim_text for row in rows if leg in row.legs])


def least_of(similarities: list[float | None]) -> float | None:
    return min((one for one in similarities if one is not None), default=None)


def combined_of(rows: list[Nomination], query: QueryVectors) -> Vector:
    return weighted_sum(_column([row.sim_image for row in rows]), _column([row.sim_text for row in rows]), query.alpha)


def as_candidates(rows: list[Nomination], bound: float | None, *, certified: bool, scanned: int) -> Candidates:
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
        raise InvalidVector(
            "A query vector is malformed, zero, or contains NaN or infinity.", hint="Embed the query again."
        )
    return vector
