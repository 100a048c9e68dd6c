"""One pass of the vector scan for all queries that wait: catch up, find the rows that can be among the best, and measure them exactly."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.rules.search import Probe, reach
from backend.store.search.candidates import QueryVectors
from backend.store.search.scan import ScanView, VectorScan, id_keys
from backend.store.search.scans import measure_for_each


@dataclass(frozen=True, eq=False)
class ScanQuestion:
    """A query without filters.

    Attributes:
        session: a transaction that sees what others see (`sees_what_others_see`).
        query: its vectors.
        orders: the orders whose best are wanted, for the view that the pass reads. None, or no order, is an answer of None.
        exclude: ids of pictures to leave out.
    """

    session: Session
    query: QueryVectors
    orders: Callable[[ScanView], Sequence[Probe]]
    exclude: Collection[bytes]


@dataclass(frozen=True, eq=False)
class ScanAnswer:
    """Rows that can be among the best of some order, with exact cosines.

    Attributes:
        view: what the pass has read.
        orders: the orders.
        floors: for each order, the value that all other pictures are below.
        rows: (n,) rows of the view.
        sim_image: (n,) cosines, NaN if missing.
        sim_text: (n,) cosines, NaN if missing.
    """

    view: ScanView
    orders: Sequence[Probe]
    floors: Sequence[float]
    rows: NDArray[np.int64]
    sim_image: NDArray[np.float64]
    sim_text: NDArray[np.float64]


def answer_together(
    session: Session, scan: VectorScan, view: ScanView, questions: Sequence[ScanQuestion], most: int
) -> list[ScanAnswer | None]:
    """Answer all questions with one pass over memory and one statement.

    None for a question that has no order, that too many rows tie for, or that would measure more than `most`.
    """
    orders = [question.orders(view) for question in questions]
    reached = iter(reach(view.media, view.kinds, [order for one in orders for order in one]))
    found = [[next(reached) for _ in one] for one in orders]
    rows_of: list[NDArray[np.int64]] = []
    for question, each in zip(questions, found, strict=True):
        named = [one.rows for one in each if one is not None]
        rows = np.unique(np.concatenate(named)) if named and len(named) == len(each) else np.empty(0, dtype=np.int64)
        if len(question.exclude):
            rows = rows[
                ~np.isin(id_keys(view.ids[rows]), np.array(list(question.exclude), dtype=id_keys(view.ids[:0]).dtype))
            ]
        rows_of.append(rows if len(rows) <= most else np.empty(0, dtype=np.int64))
    query_of = np.repeat(np.arange(len(questions)), [len(rows) for rows in rows_of])
    rows = np.concatenate(rows_of)
    places, image, text = measure_for_each(session, [one.query for one in questions], query_of, view.ids[rows])
    scan.bury(np.delete(rows, places))
    by_query = np.argsort(query_of[places], kind="stable")
    places, image, text = places[by_query], image[by_query], text[by_query]
    ends = np.searchsorted(query_of[places], np.arange(len(questions) + 1))
    answers: list[ScanAnswer | None] = []
    for index, each in enumerate(found):
        part = slice(ends[index], ends[index + 1])
        floors = [one.floor for one in each if one is not None]
        is_answered = bool(each) and len(floors) == len(each) and len(rows_of[index]) > 0
        answers.append(
            ScanAnswer(view, orders[index], floors, rows[places[part]], image[part], text[part])
            if is_answered
            else None
        )
    return answers
