"""Diversification of results by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

Each next hit is the one with the greatest `trade_off * relevance - (1 - trade_off) * similarity to the nearest hit
chosen before`. Only that nearest similarity is kept for each candidate, so k hits cost k rows of similarities.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.rules.search.legs import Vector, check_count, check_fraction
from backend.vectors import unit_rows

SimilarityBetween = Callable[[int], Vector]
"""Returns the similarities (n,) of one candidate, given by its row, to all candidates."""


@dataclass(frozen=True, eq=False)
class Selection:
    """The diversified hits.

    Attributes:
        rows: (k,) the candidates in the order in which they were chosen.
        redundancy: (k,) similarity of each to the nearest hit chosen before it, 0 for the first.
    """

    rows: NDArray[np.int64]
    redundancy: Vector


def diversify(relevance: ArrayLike, similarity_between: SimilarityBetween, k: int, trade_off: float) -> Selection:
    """Choose k of n candidates, or all if there are fewer. Between equals the earlier row wins.

    Args:
        relevance: (n,) on a scale comparable with the similarities; `unit_range` makes it so.
        similarity_between: returns the similarities of a row.
        k: number of hits.
        trade_off: 1 is the plain order of relevance; at 0 only difference counts after the first hit.

    Raises:
        InputError: trade_off is outside 0..1, or k is below one.
        ValueError: a relevance is not finite.
    """
    check_fraction("trade_off", trade_off)
    check_count("k", k)
    gains = np.asarray(relevance, dtype=np.float64)
    if not np.isfinite(gains).all():
        raise ValueError("a relevance is not finite")
    nearest = np.full(len(gains), -np.inf)
    rows: list[int] = []
    redundancy: list[float] = []
    for _ in range(min(k, len(gains))):
        # Before the first choice nothing is redundant, and relevance alone decides, also at trade_off 0.
        marginal = trade_off * gains - (1 - trade_off) * nearest if rows else gains.copy()
        marginal[rows] = -np.inf
        row = int(np.argmax(marginal))
        redundancy.append(float(nearest[row]) if rows else 0.0)
        rows.append(row)
        nearest = np.maximum(nearest, similarity_between(row))
    return Selection(np.array(rows, dtype=np.int64), np.array(redundancy))


def between(vectors: NDArray[np.floating]) -> SimilarityBetween:
    """Cosines between candidates of one side, given by vectors (n, d) of any length except zero.

    Raises:
        InvalidVector: a vector is zero or holds NaN or infinity.
    """
    units = unit_rows(vectors)
    return lambda row: units @ units[row]


def between_sides(image: NDArray[np.floating], text: NDArray[np.floating], alpha: float) -> SimilarityBetween:
    """Weighted cosines, alpha * image + (1 - alpha) * text, between candidates of two sides (n, d) and (n, e).

    A row of NaN stands for a missing side; if either of two pictures lacks a side, that side adds 0.

    Raises:
        InputError: alpha is outside 0..1.
        InvalidVector: a vector is zero, holds infinity, or NaN among numbers.
        ValueError: the sides differ in the number of rows.
    """
    check_fraction("alpha", alpha)
    if len(image) != len(text):
        raise ValueError(f"{len(image)} image sides for {len(text)} text sides")
    image_units, text_units = _units_or_zero(image), _units_or_zero(text)
    return lambda row: alpha * (image_units @ image_units[row]) + (1 - alpha) * (text_units @ text_units[row])


def unit_range(relevance: ArrayLike) -> Vector:
    """Map relevance (n,) of any scale to 0..1 over these candidates, so that it is comparable with cosines.

    Calibrated values reach 20, and those of rrf stay below 0.02. If all are equal, all become 1.
    """
    values = np.asarray(relevance, dtype=np.float64)
    if len(values) == 0 or values.min() == values.max():
        return np.ones_like(values)
    mapped: Vector = (values - values.min()) / (values.max() - values.min())
    return mapped


def _units_or_zero(side: NDArray[np.floating]) -> Vector:
    units = np.zeros(np.shape(side))
    present = ~np.isnan(side).all(axis=1)
    units[present] = unit_rows(side[present])
    return units
