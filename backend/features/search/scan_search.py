"""Certain candidates by the vector scan: bounds select the rows that can be among the best, and Postgres computes their exact cosines."""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.search import Order, Rows, Side, Stretch, Vector, Weights, every_alpha, measure
from backend.store.engine import Session
from backend.store.search import Matching, QueryVectors, ScanView, VectorScan, id_keys, match, measure_media

# Fetching pictures by id costs about five times as much as reading all of them.
_MOST_MEASURED = 20_000
_FIRST_BATCH = 256

_Measure = Callable[[Rows], tuple[Rows, Vector, Vector]]


@dataclass(frozen=True, eq=False)
class Scanned:
    """Pictures in no particular order, with exact cosines, NaN if missing: all that can be among the best of each order.

    Attributes:
        ids: (n, 16) uint8.
        sim_image: (n,) cosines.
        sim_text: (n,) cosines.
        image_reach: upper bound of the image cosine of all other pictures. None if not requested, or if there are none.
        text_reach: the same for the text cosine.
    """

    ids: NDArray[np.uint8]
    sim_image: Vector
    sim_text: Vector
    image_reach: float | None
    text_reach: float | None

    @property
    def keys(self) -> NDArray[np.bytes_]:
        """Ids as byte strings (n,), in the sort order of Postgres."""
        return id_keys(self.ids)


@dataclass(frozen=True)
class Wanted:
    """Numbers of candidates: `k` by the weighted sum, `beside` by each leg, `textless` without text by their images."""

    k: int
    beside: int = 0
    textless: int = 0


def scan_candidates(
    session: Session,
    scan: VectorScan,
    view: ScanView,
    query: QueryVectors,
    matching: Matching,
    wanted: Wanted,
    *,
    selectivity: float,
    exclude: Collection[uuid.UUID] = (),
) -> Scanned | None:
    """All pictures that can be among the best. None if too many exact cosines would be needed.

    `selectivity` is the estimated share of pictures that match, 1 without filters. `exclude` lists pictures that `matching` leaves out.
    """
    orders, legs = _orders(view, query, wanted, losable=len(exclude) if selectivity == 1 else None)
    if not orders:
        return None

    found = _settle(
        orders, len(view), _measuring(session, scan, view, query, matching, selectivity, exclude), selectivity
    )
    if found is None:
        return None
    rows, image, text = found
    reaches = [None if leg is None or not np.isfinite(leg.floor) else leg.floor for leg in legs]
    return Scanned(view.ids[rows], image, text, *reaches)


def scan_every_alpha(
    session: Session, scan: VectorScan, view: ScanView, query: QueryVectors, k: int, *, exclude: Collection[uuid.UUID]
) -> Scanned | None:
    """Like `scan_candidates` without filters: all pictures that can be among the k best at any alpha.

    Raises:
        ValueError: the query has no image vector.
    """
    if query.image is None:
        raise ValueError("there is nothing to compare the pictures with")
    image = measure(view.images, query.image)
    orders: list[Order | Stretch] = []
    # A missing side adds nothing, so alpha does not change the order of pictures without text: their images decide.
    by_pictures = view.is_live
    if query.text is not None:
        both = view.is_live & view.has_text
        by_pictures = view.is_live & ~view.has_text
        orders += every_alpha(k, (image, measure(view.texts, query.text)), both, losable=len(exclude))
    if by_pictures.any():
        orders.append(Order.over(Weights(1.0, 0.0), k, (image, None), by_pictures, losable=len(exclude)))
    matching = match(exclude=exclude)
    found = _settle(orders, len(view), _measuring(session, scan, view, query, matching, 1, exclude), 1)
    return None if found is None else Scanned(view.ids[found[0]], found[1], found[2], None, None)


def _measuring(
    session: Session,
    scan: VectorScan,
    view: ScanView,
    query: QueryVectors,
    matching: Matching,
    selectivity: float,
    exclude: Collection[uuid.UUID],
) -> _Measure:
    """Rows that match, with exact cosines. Without filters, missing rows were deleted."""
    named = {media_id.bytes for media_id in exclude}

    def measure_rows(rows: Rows) -> tuple[Rows, Vector, Vector]:
        indexes, image, text = measure_media(session, query, matching, view.ids[rows])
        if selectivity == 1:
            absent = np.delete(rows, indexes)
            scan.bury(np.array([row for row in absent if view.ids[row].tobytes() not in named], dtype=np.int64))
        return rows[indexes], image, text

    return measure_rows


def _orders(
    view: ScanView, query: QueryVectors, wanted: Wanted, *, losable: int | None
) -> tuple[list[Order], tuple[Order | None, Order | None]]:
    """All orders whose best are wanted, and those of the image and the text leg among them."""
    weights = Weights(0.0 if query.image is None else query.alpha, 0.0 if query.text is None else 1 - query.alpha)
    textless = ~view.has_text
    if not (weights.image or weights.text) or (query.image is None and wanted.textless and textless.any()):
        # All sums are equal, or those of all pictures without text. Ids decide then, which the bounds do not know.
        return [], (None, None)
    needs_image = weights.image > 0 or wanted.beside or wanted.textless or textless.any()
    image: Side | None = measure(view.images, query.image) if query.image is not None and needs_image else None
    text: Side | None = None
    if query.text is not None and (weights.text or wanted.beside):
        text = measure(view.texts, query.text)
        for one in text:
            one[~view.has_text] = 0.0
    sides = (image, text)

    def order(weights: Weights, count: int, takes_part: NDArray[np.bool_]) -> Order:
        return Order.over(weights, count, sides, takes_part & view.is_live, losable=losable)

    everyone = np.ones(len(view), dtype=np.bool_)
    # If images have no weight, pictures without text have equal sums, and their images decide.
    is_by_words = weights.image == 0 and image is not None
    orders = [order(weights, wanted.k, view.has_text if is_by_words else everyone)]
    textless_count = max(wanted.textless, wanted.k if is_by_words else 0)
    if textless_count and textless.any() and image is not None:
        orders.append(order(Weights(1.0, 0.0), textless_count, textless))
    by_image = order(Weights(1.0, 0.0), wanted.beside, everyone) if wanted.beside and image is not None else None
    by_text = order(Weights(0.0, 1.0), wanted.beside, view.has_text) if wanted.beside and text is not None else None
    orders += [one for one in (by_image, by_text) if one is not None]
    return orders, (by_image, by_text)


def _settle(
    orders: Sequence[Order | Stretch], count: int, measure_rows: _Measure, selectivity: float
) -> tuple[Rows, Vector, Vector] | None:
    """Compute exact cosines until no other row can be among the best of any order."""
    measured = np.zeros(count, dtype=np.bool_)
    rows = np.empty(0, dtype=np.int64)
    image = text = np.empty(0)
    # Without filters, the lower bounds show at once which rows can be among the best. With filters they are unknown until some rows are
    # computed, so start with the best, as many as probably contain enough matches.
    batch = count if selectivity == 1 else _FIRST_BATCH + int(2 * max(one.wanted for one in orders) / selectivity)
    while True:
        contenders = np.unique(np.concatenate([one.contenders(measured, batch) for one in orders]))
        if not len(contenders):
            return rows, image, text
        if np.count_nonzero(measured) + len(contenders) > max(_MOST_MEASURED, 2 * max(one.wanted for one in orders)):
            return None
        measured[contenders] = True
        found = measure_rows(contenders)
        rows = np.concatenate([rows, found[0]])
        image, text = np.concatenate([image, found[1]]), np.concatenate([text, found[2]])
        for one in orders:
            one.learn(rows, image, text)
        # If some were deleted or did not match, try not many more at once.
        batch = max(2 * len(contenders), _FIRST_BATCH)
