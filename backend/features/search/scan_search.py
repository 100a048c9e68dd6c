"""Certain candidates by the vector scan: bounds select the rows that can be among the best, and Postgres computes their exact cosines."""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.rules.search import Kind, Order, Probe, Rows, Stretch, Vector, Weights, every_alpha, measure_side, reach
from backend.store.engine import Session, Snapshot, sees_what_others_see
from backend.store.search import (
    Matching,
    QueryVectors,
    ScanKeeper,
    ScanQuestion,
    ScanView,
    VectorScan,
    id_keys,
    match,
    measure_media,
)

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
        compared: number of rows compared.
        as_of: what the answer is at least as new as.
    """

    ids: NDArray[np.uint8]
    sim_image: Vector
    sim_text: Vector
    image_reach: float | None
    text_reach: float | None
    compared: int
    as_of: Snapshot

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
    orders, legs = _orders(view, query, wanted)
    if not orders:
        return None
    most = max(order.wanted for order in orders)
    # How many of the best may turn out not to match. If more do, there is another pass.
    losable = len(exclude) if selectivity == 1 else _FIRST_BATCH + int(2 * most / selectivity)
    limit = max(_MOST_MEASURED, 2 * most)
    measured = _Measured.nothing()
    while True:
        reached = reach(view.media, view.kinds, _with_more(orders, losable))
        if any(one is None for one in reached):
            return None
        bars = [one for one in reached if one is not None]
        rows = np.unique(np.concatenate([one.rows for one in bars]))
        rows = rows[~np.isin(rows, measured.asked)]
        if len(measured.asked) + len(rows) > limit:
            return None
        measure_rows = _measuring(session, scan, view, query, matching, selectivity, exclude)
        measured = measured.and_those(rows, *measure_rows(rows))
        floors = [measured.floor(order, view) for order in orders]
        # What has not been measured has less than the pass's floor in this order.
        if all(floor >= one.floor for floor, one in zip(floors, bars, strict=True)):
            break
        losable = max(4 * losable, _FIRST_BATCH)
    return _scanned(view, measured, floors, legs)


def scan_with_others(
    session: Session,
    scans: ScanKeeper,
    query: QueryVectors,
    wanted: Wanted,
    *,
    more_than: int,
    exclude: Collection[uuid.UUID] = (),
) -> Scanned | None:
    """Like `scan_candidates` without filters, together with the queries of other threads.

    None if this has to be asked alone: the transaction may see what others do not, there are no `more_than` pictures, or some of the best turned
    out to be deleted.
    """
    if scans.count <= more_than or not sees_what_others_see(session):
        return None

    def orders(view: ScanView) -> list[Probe]:
        return _with_more(_orders(view, query, wanted)[0], len(exclude)) if len(view) > more_than else []

    answer = scans.ask(ScanQuestion(session, query, orders, {media_id.bytes for media_id in exclude}))
    if answer is None:
        return None
    wanted_orders, legs = _orders(answer.view, query, wanted)
    measured = _Measured(answer.rows, answer.rows, answer.sim_image, answer.sim_text)
    floors = [measured.floor(order, answer.view) for order in wanted_orders]
    if any(floor < bar for floor, bar in zip(floors, answer.floors, strict=True)):
        return None
    return _scanned(answer.view, measured, floors, legs)


def scan_every_alpha(
    session: Session, scan: VectorScan, view: ScanView, query: QueryVectors, k: int, *, exclude: Collection[uuid.UUID]
) -> Scanned | None:
    """Like `scan_candidates` without filters: all pictures that can be among the k best at any alpha.

    Raises:
        ValueError: the query has no image vector.
    """
    if query.image is None:
        raise ValueError("there is nothing to compare the pictures with")
    image = measure_side(view.media, 0, query.image)
    orders: list[Order | Stretch] = []
    # A missing side adds nothing, so alpha does not change the order of pictures without text: their images decide.
    by_pictures = view.are(Kind.LIVE)
    if query.text is not None:
        both = view.are(Kind.LIVE | Kind.WITH_TEXT)
        by_pictures = view.are(Kind.LIVE | Kind.WITHOUT_TEXT)
        orders += every_alpha(k, (image, measure_side(view.media, 1, query.text)), both, losable=len(exclude))
    if by_pictures.any():
        orders.append(Order.over(Weights(1.0, 0.0), k, (image, None), by_pictures, losable=len(exclude)))
    matching = match(exclude=exclude)
    found = _settle(orders, len(view), _measuring(session, scan, view, query, matching, 1, exclude))
    if found is None:
        return None
    return Scanned(view.ids[found[0]], found[1], found[2], None, None, len(view), view.as_of)


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


def _orders(view: ScanView, query: QueryVectors, wanted: Wanted) -> tuple[list[Probe], tuple[int | None, int | None]]:
    """All orders whose best are wanted, and the places of the image and the text leg among them."""
    weights = Weights(0.0 if query.image is None else query.alpha, 0.0 if query.text is None else 1 - query.alpha)
    textless = Kind.LIVE | Kind.WITHOUT_TEXT
    if not (weights.image or weights.text) or (query.image is None and wanted.textless and view.has_textless):
        # All sums are equal, or those of all pictures without text. Ids decide then, which the bounds do not know.
        return [], (None, None)

    def order(weights: Weights, count: int, kind: Kind) -> Probe:
        return Probe(query.image, query.text, weights, count, kind)

    # If images have no weight, pictures without text have equal sums, and their images decide.
    is_by_words = weights.image == 0 and query.image is not None and view.has_textless
    orders = [order(weights, wanted.k, Kind.LIVE | Kind.WITH_TEXT if is_by_words else Kind.LIVE)]
    textless_count = max(wanted.textless, wanted.k if is_by_words else 0)
    if textless_count and view.has_textless and query.image is not None:
        orders.append(order(Weights(1.0, 0.0), textless_count, textless))
    legs: list[int | None] = [None, None]
    if wanted.beside and query.image is not None:
        legs[0] = len(orders)
        orders.append(order(Weights(1.0, 0.0), wanted.beside, Kind.LIVE))
    if wanted.beside and query.text is not None:
        legs[1] = len(orders)
        orders.append(order(Weights(0.0, 1.0), wanted.beside, Kind.LIVE | Kind.WITH_TEXT))
    return orders, (legs[0], legs[1])


def _scanned(
    view: ScanView, measured: "_Measured", floors: Sequence[float], legs: tuple[int | None, int | None]
) -> Scanned:
    reaches = [None if leg is None or not np.isfinite(floors[leg]) else floors[leg] for leg in legs]
    image_reach, text_reach = reaches
    ids = view.ids[measured.rows]
    return Scanned(ids, measured.sim_image, measured.sim_text, image_reach, text_reach, len(view), view.as_of)


def _with_more(orders: Sequence[Probe], losable: int) -> list[Probe]:
    return [replace(order, wanted=order.wanted + losable) for order in orders]


@dataclass(frozen=True, eq=False)
class _Measured:
    """Exact cosines so far.

    Attributes:
        asked: rows that were asked for.
        rows: (n,) those of them that match and exist.
        sim_image: (n,) cosines, NaN if missing.
        sim_text: (n,) cosines, NaN if missing.
    """

    asked: Rows
    rows: Rows
    sim_image: Vector
    sim_text: Vector

    @classmethod
    def nothing(cls) -> "_Measured":
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))

    def and_those(self, asked: Rows, rows: Rows, sim_image: Vector, sim_text: Vector) -> "_Measured":
        return _Measured(
            np.concatenate([self.asked, asked]),
            np.concatenate([self.rows, rows]),
            np.concatenate([self.sim_image, sim_image]),
            np.concatenate([self.sim_text, sim_text]),
        )

    def floor(self, order: Probe, view: ScanView) -> float:
        """The value of the last wanted; -inf if there are fewer."""
        part = view.kinds[self.rows] & np.uint8(order.kind & ~Kind.LIVE) == order.kind & ~Kind.LIVE
        values = order.weights.of(self.sim_image[part], self.sim_text[part])
        return (
            float(np.partition(values, len(values) - order.wanted)[len(values) - order.wanted])
            if len(values) >= order.wanted
            else -np.inf
        )


def _settle(
    orders: Sequence[Order | Stretch], count: int, measure_rows: _Measure
) -> tuple[Rows, Vector, Vector] | None:
    """Compute exact cosines until no other row can be among the best of any order."""
    measured = np.zeros(count, dtype=np.bool_)
    rows = np.empty(0, dtype=np.int64)
    image = text = np.empty(0)
    batch = count
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
        # If some were deleted, try not many more at once.
        batch = max(2 * len(contenders), _FIRST_BATCH)
