"""The vectors that the vector service of the host keeps.

An answer is used only if the service has read the same database of the same running server, and has seen all that the transaction which
asks had seen: the snapshot that it names proves it. The service cannot see what a transaction has written itself, so such a transaction
goes its own way.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

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
    Reply,
    ServiceAway,
    ServiceLink,
)

# A pass over ten million pictures takes a quarter of a second.
_ANSWER_SECONDS = 10.0
_FIGURES_SECONDS = 2.0
_MOST_ASKING = 64


class HostVectors:
    """Asks the service, and while none answers, the vectors that this process keeps.

    Several services may keep a part of the vectors each. What can be among the best of all is among the best of its part, so the answers
    of all parts make the answer. If one is missing, there is none.
    """

    def __init__(self, links: Sequence[ServiceLink], own: OwnVectors) -> None:
        self._links = links
        self._own = own
        self._asking = ThreadPoolExecutor(_MOST_ASKING, "vector-parts") if len(links) > 1 else None

    @property
    def is_ready(self) -> bool:
        return self._are_up or (not self._are_expected and self._own.is_ready)

    @property
    def _are_up(self) -> bool:
        return all(link.is_up for link in self._links)

    @property
    def _are_expected(self) -> bool:
        return all(link.is_expected for link in self._links)

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
        if not self._are_up:
            return self._own.figures()
        try:
            replies = [link.ask(FiguresRequest(), seconds=_FIGURES_SECONDS)[0] for link in self._links]
        except ServiceAway:
            return self._own.figures()
        figures = [one for one in replies if isinstance(one, Figures) and one.state in set(ScanState)]
        if len(figures) < len(replies):
            return self._own.figures()
        states = [ScanState(one.state) for one in figures]
        return ScanFigures(
            next((state for state in states if state is not ScanState.READY), ScanState.READY),
            sum(one.media for one in figures),
            sum(one.memory_bytes for one in figures),
            max(one.age_seconds for one in figures),
        )

    def _instead(self) -> OwnVectors | None:
        """The own vectors, if no service is there. While one is being started again, neither: the indexes answer for these seconds."""
        if self._are_up:
            self._own.keeper.release()
            return None
        return None if self._are_expected else self._own

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
        body = [*vectors, *(one.bytes for one in exclude)]
        try:
            replies = self._ask_all(request, body)
        except ServiceAway:
            return None
        found = [read_found(reply, numbers) for reply, numbers in replies if isinstance(reply, Found)]
        parts = {reply.part for reply, _ in replies if isinstance(reply, Found)}
        count = len(self._links)
        if parts != {(number, count) for number in range(1, count + 1)}:
            return None  # a part is missing, or is there twice
        if not all(one.as_of.covers(point.snapshot) for one in found):
            return None
        return found[0] if count == 1 else _united(found)

    def _ask_all(self, request: BestRequest | EveryAlphaRequest, body: list[bytes]) -> list[tuple[Reply, bytes]]:
        first, *others = self._links
        if self._asking is None:
            return [first.ask(request, body, seconds=_ANSWER_SECONDS)]
        asked = [self._asking.submit(link.ask, request, body, seconds=_ANSWER_SECONDS) for link in others]
        return [first.ask(request, body, seconds=_ANSWER_SECONDS), *(one.result() for one in asked)]


def _united(parts: Sequence[Scanned]) -> Scanned:
    """The answer of all parts. A reach bounds what its part leaves out; a part without one leaves nothing out, or was not asked for any."""
    image, text = (
        max((reach for reach in reaches if reach is not None), default=None)
        for reaches in ([one.image_reach for one in parts], [one.text_reach for one in parts])
    )
    return Scanned(
        np.concatenate([one.ids for one in parts]),
        np.concatenate([one.sim_image for one in parts]),
        np.concatenate([one.sim_text for one in parts]),
        image,
        text,
        sum(one.compared for one in parts),
        parts[0].as_of,
    )


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
