"""The vectors that the vector service of the host keeps.

An answer is used only if the service has read the same database of the same running server, and has seen all that the transaction which
asks had seen: the snapshot that it names proves it. The service cannot see what a transaction has written itself, so such a transaction
goes its own way.
"""

import uuid

import numpy as np
from pydantic import ValidationError

from backend.features.search.scan_search import Scanned
from backend.features.search.vector_source import BestQuery, OwnVectors
from backend.rules.search import Filters
from backend.store.engine import Session, Snapshot, read_point
from backend.store.search import QueryVectors, ScanFigures, ScanState
from backend.vector_protocol import (
    ID_BYTES,
    BestRequest,
    EveryAlphaRequest,
    Figures,
    FiguresRequest,
    FilterFields,
    Found,
    ServiceAway,
    ServiceLink,
)

# A pass over ten million pictures takes a quarter of a second.
_ANSWER_SECONDS = 10.0
_FIGURES_SECONDS = 2.0


class HostVectors:
    """Asks the service, and while none answers, the vectors that this process keeps."""

    def __init__(self, link: ServiceLink, own: OwnVectors) -> None:
        self._link = link
        self._own = own

    @property
    def is_ready(self) -> bool:
        return self._link.is_up or (not self._link.is_expected and self._own.is_ready)

    def best(self, session: Session, asked: BestQuery) -> Scanned | None:
        own = self._instead()
        if own is not None:
            return own.best(session, asked)
        query = asked.query
        try:
            request = BestRequest(
                image=None if query.image is None else len(query.image),
                text=None if query.text is None else len(query.text),
                alpha=query.alpha,
                k=asked.k,
                filters=_fields(asked.filters),
                excluded=len(asked.exclude),
                for_any_order=asked.for_any_order,
            )
        except ValidationError:
            return None  # it asks for more than the service answers
        return self._ask(session, request, query, asked.exclude)

    def best_at_every_alpha(
        self, session: Session, query: QueryVectors, k: int, exclude: tuple[uuid.UUID, ...]
    ) -> Scanned | None:
        own = self._instead()
        if own is not None:
            return own.best_at_every_alpha(session, query, k, exclude)
        request = EveryAlphaRequest(
            image=None if query.image is None else len(query.image),
            text=None if query.text is None else len(query.text),
            k=k,
            excluded=len(exclude),
        )
        return self._ask(session, request, query, exclude)

    def figures(self) -> ScanFigures:
        if not self._link.is_up:
            return self._own.figures()
        try:
            reply, _ = self._link.ask(FiguresRequest(), seconds=_FIGURES_SECONDS)
        except ServiceAway:
            return self._own.figures()
        if not isinstance(reply, Figures) or reply.state not in set(ScanState):
            return self._own.figures()
        return ScanFigures(ScanState(reply.state), reply.media, reply.memory_bytes, reply.age_seconds)

    def _instead(self) -> OwnVectors | None:
        """The own vectors, if no service is there. While one is being started again, neither: the indexes answer for these seconds."""
        if self._link.is_up:
            self._own.keeper.release()
            return None
        return None if self._link.is_expected else self._own

    def _ask(
        self,
        session: Session,
        request: BestRequest | EveryAlphaRequest,
        query: QueryVectors,
        exclude: tuple[uuid.UUID, ...],
    ) -> Scanned | None:
        point = read_point(session)
        if not point.is_plain:
            return None
        vectors = [np.ascontiguousarray(one, "<f4").tobytes() for one in (query.image, query.text) if one is not None]
        try:
            reply, body = self._link.ask(request, [*vectors, *(one.bytes for one in exclude)], seconds=_ANSWER_SECONDS)
        except ServiceAway:
            return None
        if not isinstance(reply, Found):
            return None
        found = read_found(reply, body)
        return found if found.as_of.covers(point.snapshot) else None


def read_found(reply: Found, body: bytes) -> Scanned:
    """The answer in a reply and its body."""
    count = reply.count
    cosines = np.frombuffer(body, "<f8", 2 * count, offset=ID_BYTES * count).astype(np.float64).reshape(2, count)
    return Scanned(
        np.frombuffer(body, np.uint8, ID_BYTES * count).reshape(count, ID_BYTES),
        cosines[0],
        cosines[1],
        reply.image_reach,
        reply.text_reach,
        reply.compared,
        Snapshot(reply.as_of.next_id, reply.as_of.in_progress, reply.as_of.server),
    )


def _fields(filters: Filters) -> FilterFields:
    return FilterFields(**vars(filters))
