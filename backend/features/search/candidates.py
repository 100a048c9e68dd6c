"""Candidates for the best results of a fused query, and how they were found."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidVector
from backend.rules.search import Vector, weighted_sum
from backend.store.search import Nomination, QueryVectors


class Leg(StrEnum):
    """What nominated a candidate: an index, the scan of vectors in memory, or the scan of all rows."""

    IMAGE = "image"
    TEXT = "text"
    FUSED = "fused"
    TEXTLESS = "textless"
    SCAN = "scan"
    EXACT = "exact"


class Effort(StrEnum):
    """How thoroughly to search.

    `fast` stops when more effort finds nothing better. `certified` also requires the bound to hold. `exact` computes all.
    """

    FAST = "fast"
    CERTIFIED = "certified"
    EXACT = "exact"


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidates of a query.

    Attributes:
        media_ids: n pictures, best first by alpha * sim_image + (1 - alpha) * sim_text, at least k if so many match.
        sim_image: (n,) cosines, NaN if missing.
        sim_text: (n,) cosines, NaN if missing.
        nominated_by: the legs of each.
        certified: whether the k-th reaches the bound.
        bound: upper bound of the sum for all other pictures, None if there are none.
        scanned: number of pictures computed.
        whole: whether all matching pictures are included.
        image_reach: upper bound of the image cosine of all other pictures, if its scan is ordered; None if that leg was not scanned.
        text_reach: the same for the text cosine.
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
    """The last similarity in the scan of one leg."""
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
    """Convert a query vector. Raises InvalidVector if it is malformed, zero, or contains NaN or infinity."""
    if query is None:
        return None
    vector = np.asarray(query, dtype=np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all() or not vector.any():
        raise InvalidVector(
            "A query vector is malformed, zero, or contains NaN or infinity.", hint="Embed the query again."
        )
    return vector
