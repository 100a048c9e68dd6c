"""Answers to the requests of other processes."""

import uuid
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from backend.encoders import Encoders
from backend.errors import InvalidQuery, SpaceMismatch
from backend.features.search import Answer as SearchAnswer
from backend.features.search import BestQuery, OwnVectors, QueryEncoder, Scanned, Searcher, SearchQuery
from backend.features.services import Services
from backend.rules.search import Filters
from backend.store.engine import begin_reading
from backend.store.schema import Space
from backend.store.search import QueryVectors
from backend.store.spaces import list_spaces
from backend.vector_protocol import (
    ID_BYTES,
    AnswerReply,
    BestRequest,
    EveryAlphaRequest,
    Figures,
    FiguresRequest,
    Found,
    Hello,
    ImageInput,
    ImageInputRequest,
    Nothing,
    PicturesRequest,
    Refused,
    Reply,
    Request,
    SearchRequest,
    SnapshotFields,
    VectorsReply,
    WordsRequest,
)

Answer = tuple[Reply, Sequence[bytes]]

_QUERIES: Final = TypeAdapter(SearchQuery)
_ANSWERS: Final = TypeAdapter(SearchAnswer)


class Answers:
    """Answers requests. Thread-safe: queries that come together share a pass over memory, whichever process they come from."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._library = services.settings.library_digest
        self._vectors = OwnVectors(services.scans)
        self._spaces: dict[tuple[str, str], Space] = {}

    def answer(self, request: Request, body: bytes) -> Answer:
        """The reply and its body. The body of the request is as long as it says.

        Raises:
            MediaclusterError: the request cannot be answered, for a reason of the tree of errors.
        """
        match request:
            case BestRequest():
                return self._best(request, body)
            case EveryAlphaRequest():
                return self._every_alpha(request, body)
            case WordsRequest() | PicturesRequest() | ImageInputRequest():
                return self._encode(request, body)
            case SearchRequest():
                return self._search(request, body)
            case FiguresRequest():
                return self._figures(), ()
            case Hello():
                raise InvalidQuery("The connection has been greeted already.")

    def _best(self, request: BestRequest, body: bytes) -> Answer:
        read = self._query(request, body, request.alpha)
        if read is None:
            return Nothing(), ()
        query, exclude = read
        filters = Filters(**dict(request.filters))
        with self._services.database.transaction() as session:
            begin_reading(session)
            asked = BestQuery(query, request.k, filters, exclude, request.for_any_order)
            return _found(self._vectors.best(session, asked))

    def _every_alpha(self, request: EveryAlphaRequest, body: bytes) -> Answer:
        read = self._query(request, body, 0.5)
        if read is None or read[0].image is None:
            return Nothing(), ()
        query, exclude = read
        with self._services.database.transaction() as session:
            begin_reading(session)
            return _found(self._vectors.best_at_every_alpha(session, query, request.k, exclude))

    def _query(
        self, request: BestRequest | EveryAlphaRequest, body: bytes, alpha: float
    ) -> tuple[QueryVectors, tuple[uuid.UUID, ...]] | None:
        """The vectors and the excluded pictures in a body. None if these are no vectors of the library: they would spoil the pass of others."""
        dimensions = self._services.scans.dimensions
        given = request.image, request.text
        if dimensions is None:
            _ = self._vectors.is_ready  # requests them
            return None
        if any(one not in {None, dimension} for one, dimension in zip(given, dimensions, strict=True)):
            return None
        vectors: list[NDArray[np.float32] | None] = []
        at = 0
        for dimension in given:
            vectors.append(None if dimension is None else np.frombuffer(body, "<f4", dimension, at).astype(np.float32))
            at += 4 * (dimension or 0)
        if any(one is not None and not (np.isfinite(one).all() and one.any()) for one in vectors):
            return None
        exclude = tuple(
            uuid.UUID(bytes=body[begin : begin + ID_BYTES])
            for begin in range(at, at + ID_BYTES * request.excluded, ID_BYTES)
        )
        return QueryVectors(vectors[0], vectors[1], alpha), exclude

    def _encode(self, request: WordsRequest | PicturesRequest | ImageInputRequest, body: bytes) -> Answer:
        encoders = self._encoders(request)
        match request:
            case WordsRequest():
                embed = encoders.image.embed_words if request.side == "image" else encoders.text.embed_texts
                return _vectors(embed(list(request.words)))
            case PicturesRequest():
                return _vectors(encoders.image.embed_pictures(_pictures(request, body)))
            case ImageInputRequest():
                image = encoders.image
                return ImageInput(input_size_pixels=image.input_size_pixels, first_resize=image.first_resize), ()

    def _encoders(self, request: WordsRequest | PicturesRequest | ImageInputRequest) -> Encoders:
        """The encoders of a space of this library. Raises SpaceMismatch."""
        fingerprints = request.image_fingerprint, request.text_fingerprint
        if fingerprints not in self._spaces:
            with self._services.database.transaction() as session:
                self._spaces = {(one.image_fingerprint, one.text_fingerprint): one for one in list_spaces(session)}
        if fingerprints not in self._spaces:
            raise SpaceMismatch(
                "The vector service has another library.", hint="Give it the settings of the processes that ask it."
            )
        return self._services.encoders_of(self._spaces[fingerprints])

    def _search(self, request: SearchRequest, body: bytes) -> Answer:
        if request.library != self._library:
            return Refused(code="library", detail="The vector service has another library, or other settings."), ()
        ends = list(accumulate(request.pictures))
        pictures = [body[end - size : end] for end, size in zip(ends, request.pictures, strict=True)]
        try:
            query = _QUERIES.validate_python(request.query | {"pictures": pictures})
        except ValidationError as error:
            raise InvalidQuery("The query is malformed.", hint="Use the same version as the vector service.") from error
        services = self._services
        encoder = QueryEncoder(services.encoders_of, services.limits, services.decoders)
        found = Searcher(services.database, encoder, services.settings.alpha, self._vectors).search(query)
        written = _ANSWERS.dump_json(found)
        return AnswerReply(length=len(written)), [written]

    def _figures(self) -> Figures:
        figures = self._services.scans.figures()
        lazy = self._services.lazy_encoders
        return Figures(
            state=figures.state,
            media=figures.media,
            memory_bytes=figures.memory_bytes,
            age_seconds=figures.age_seconds,
            has_encoders=lazy.made and lazy.get().loaded,
        )


def _pictures(request: PicturesRequest, body: bytes) -> list[Image.Image]:
    pictures, at = [], 0
    for width, height in request.sizes:
        count = 3 * width * height
        pictures.append(Image.frombytes("RGB", (width, height), body[at : at + count]))
        at += count
    return pictures


def _vectors(rows: NDArray[np.float32]) -> Answer:
    count, dimension = rows.shape
    return VectorsReply(count=count, dimension=dimension), [np.ascontiguousarray(rows, "<f4").tobytes()]


def _found(found: Scanned | None) -> Answer:
    if found is None:
        return Nothing(), ()
    reply = Found(
        count=len(found.ids),
        compared=found.compared,
        image_reach=found.image_reach,
        text_reach=found.text_reach,
        as_of=SnapshotFields(**vars(found.as_of)),
    )
    cosines = (np.ascontiguousarray(one, "<f8").tobytes() for one in (found.sim_image, found.sim_text))
    return reply, [np.ascontiguousarray(found.ids).tobytes(), *cosines]
