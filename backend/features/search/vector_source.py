"""The vectors of a library in memory: in this process, or in the vector service of the host. What asks them does not know which."""

import uuid
from dataclasses import dataclass
from typing import Protocol

from backend.features.search.exact_search import BESIDE, FEW_FILTERED_MEDIA, FEW_MEDIA
from backend.features.search.scan_search import Scanned, Wanted, scan_candidates, scan_every_alpha, scan_with_others
from backend.rules.search import Filters
from backend.store.engine import Session
from backend.store.search import QueryVectors, ScanFigures, ScanKeeper, estimate_matching, match

# With filters, the scan has to fetch more pictures than wanted by their ids, which costs more than reading all in sequence.
_PROBED = 256
_DEAR_BY_ID = 2
_MOST_SELECTED = 0.99


@dataclass(frozen=True)
class BestQuery:
    """A query for the best by a weighted sum.

    Attributes:
        query: vectors of the query, and the weight.
        k: number of results wanted.
        filters: conditions on the pictures.
        exclude: pictures to leave out.
        for_any_order: see `nominate`.
    """

    query: QueryVectors
    k: int
    filters: Filters
    exclude: tuple[uuid.UUID, ...]
    for_any_order: bool


class VectorSource(Protocol):
    """Vectors in memory. Answers are certain, and as new as the transaction that asks; None stands for no answer, and the database is
    asked instead."""

    @property
    def is_ready(self) -> bool:
        """Whether it is worth asking. If there are no vectors yet, requests them."""

    def best(self, session: Session, asked: BestQuery) -> Scanned | None:
        """All pictures that can be among the best. None if there are no vectors, or if computing all matching pictures costs less."""

    def best_at_every_alpha(
        self, session: Session, query: QueryVectors, k: int, exclude: tuple[uuid.UUID, ...]
    ) -> Scanned | None:
        """All pictures that can be among the k best at some alpha. The query has an image vector. None as of `best`."""

    def figures(self) -> ScanFigures:
        """State of the vectors, for metrics."""


class OwnVectors:
    """The vectors that this process keeps."""

    def __init__(self, keeper: ScanKeeper) -> None:
        self.keeper = keeper

    @property
    def is_ready(self) -> bool:
        return self.keeper.is_ready

    def best(self, session: Session, asked: BestQuery) -> Scanned | None:
        k, query, filters, exclude = asked.k, asked.query, asked.filters, asked.exclude
        wanted = Wanted(k, BESIDE, textless=k) if asked.for_any_order else Wanted(k)
        few = FEW_MEDIA if asked.for_any_order else k
        if filters.is_empty:
            together = scan_with_others(session, self.keeper, query, wanted, more_than=few, exclude=exclude)
            if together is not None:
                return together
        kept = self.keeper.caught_up(session)
        if kept is None:
            return None
        scan, view = kept
        matching = match(**vars(filters), exclude=exclude)
        selectivity = 1.0
        if not filters.is_empty:
            estimate = estimate_matching(session, matching)
            selectivity = min(_MOST_SELECTED, max(1, estimate) / max(1, len(view)))
            least = FEW_FILTERED_MEDIA if asked.for_any_order else _DEAR_BY_ID * (_PROBED + 2 * k) / selectivity
            if estimate < least:
                return None
        elif len(view) <= few:
            return None
        return scan_candidates(session, scan, view, query, matching, wanted, selectivity=selectivity, exclude=exclude)

    def best_at_every_alpha(
        self, session: Session, query: QueryVectors, k: int, exclude: tuple[uuid.UUID, ...]
    ) -> Scanned | None:
        kept = self.keeper.caught_up(session)
        return None if kept is None else scan_every_alpha(session, *kept, query, k, exclude=exclude)

    def figures(self) -> ScanFigures:
        return self.keeper.figures()
