"""The encoders of queries: those of the vector service of the host, or of this process."""

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import numpy as np
from PIL import Image

from backend.encoders import Encoders, Vectors
from backend.errors import (
    BackendUnavailable,
    ConfigurationError,
    EncoderUnavailable,
    InputError,
    InvalidText,
    InvalidVector,
    MediaclusterError,
    SpaceMismatch,
)
from backend.store.schema import Space
from backend.vector_protocol import (
    MOST_BODY_BYTES,
    ImageInput,
    ImageInputRequest,
    PicturesRequest,
    Refused,
    Reply,
    Request,
    RequestTooLarge,
    ServiceAway,
    ServiceLink,
    VectorsReply,
    WordsRequest,
)

# The first query after a start waits until the models are loaded.
_ANSWER_SECONDS = 60.0
# As long as its keeper needs to start the service again.
_RETURN_SECONDS = 15.0
_LOOK_SECONDS = 0.1
_KINDS: Final[tuple[type[MediaclusterError], ...]] = (
    InvalidText,
    InvalidVector,
    InputError,
    SpaceMismatch,
    EncoderUnavailable,
    ConfigurationError,
    BackendUnavailable,
)
_BY_CODE: Final = {kind.code: kind for kind in _KINDS}


class QueryImageEncoder(Protocol):
    """What queries need of an image encoder (`backend.encoders.image`)."""

    @property
    def input_size_pixels(self) -> int: ...
    @property
    def first_resize(self) -> int | tuple[int, int] | None: ...
    def embed_pictures(self, pictures: Sequence[Image.Image], /) -> Vectors: ...
    def embed_words(self, texts: Sequence[str], /) -> Vectors: ...


class QueryTextEncoder(Protocol):
    """What queries need of a text encoder (`backend.encoders.text`)."""

    def embed_texts(self, texts: Sequence[str], /) -> Vectors: ...


class QueryEncoders(Protocol):
    """A pair of encoders, for queries."""

    @property
    def image(self) -> QueryImageEncoder: ...
    @property
    def text(self) -> QueryTextEncoder: ...


OpenEncoders = Callable[[Space], QueryEncoders]


def encoders_by(link: ServiceLink | None, own: Callable[[Space], Encoders]) -> OpenEncoders:
    """The encoders of a space, by the service if there is one. `own` opens those of this process; it may raise SpaceMismatch."""
    if link is None:
        return own
    return lambda space: _HostEncoders(link, space, own)


class _Unanswered(Exception):
    """No service answers. The encoders of this process are to be used."""


class _HostEncoders:
    """Encoders of the service. While it is away, waits for its return, and then uses those of this process."""

    def __init__(self, link: ServiceLink, space: Space, own: Callable[[Space], Encoders]) -> None:
        self._link = link
        self._space = space
        self._own = own
        self._input: ImageInput | None = None

    @property
    def image(self) -> "_HostEncoders":
        return self

    @property
    def text(self) -> "_HostEncoders":
        return self

    @property
    def input_size_pixels(self) -> int:
        try:
            return self._image_input().input_size_pixels
        except _Unanswered:
            return self._own(self._space).image.input_size_pixels

    @property
    def first_resize(self) -> int | tuple[int, int] | None:
        try:
            return self._image_input().first_resize
        except _Unanswered:
            return self._own(self._space).image.first_resize

    def embed_texts(self, texts: Sequence[str], /) -> Vectors:
        try:
            return self._words("text", texts)
        except _Unanswered:
            return self._own(self._space).text.embed_texts(texts)

    def embed_words(self, texts: Sequence[str], /) -> Vectors:
        try:
            return self._words("image", texts)
        except _Unanswered:
            return self._own(self._space).image.embed_words(texts)

    def embed_pictures(self, pictures: Sequence[Image.Image], /) -> Vectors:
        if not pictures:
            return np.empty((0, self._space.image_dimension), dtype=np.float32)
        try:
            return self._pictures(pictures)
        except _Unanswered:
            return self._own(self._space).image.embed_pictures(list(pictures))

    def _words(self, side: str, texts: Sequence[str]) -> Vectors:
        request = WordsRequest.model_validate(
            {"side": side, "words": tuple(texts), **self._fingerprints()},
        )
        dimension = self._space.image_dimension if side == "image" else self._space.text_dimension
        return _vectors(*self._ask(request), len(texts), dimension)

    def _pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        found = [one if one.mode == "RGB" else one.convert("RGB") for one in pictures]
        request = PicturesRequest.model_validate(
            {"sizes": tuple(one.size for one in found), **self._fingerprints()},
        )
        if request.body_bytes > MOST_BODY_BYTES:
            raise _Unanswered
        return _vectors(
            *self._ask(request, [one.tobytes() for one in found]), len(pictures), self._space.image_dimension
        )

    def _image_input(self) -> ImageInput:
        if self._input is None:
            reply, _ = self._ask(ImageInputRequest.model_validate(self._fingerprints()))
            if not isinstance(reply, ImageInput):
                raise _Unanswered
            self._input = reply
        return self._input

    def _fingerprints(self) -> dict[str, str]:
        return {
            "image_fingerprint": self._space.image_fingerprint,
            "text_fingerprint": self._space.text_fingerprint,
        }

    def _ask(self, request: Request, body: Sequence[bytes] = ()) -> tuple[Reply, bytes]:
        deadline = time.monotonic() + _RETURN_SECONDS
        while True:
            if self._link.is_up:
                try:
                    reply, numbers = self._link.ask(request, body, seconds=_ANSWER_SECONDS)
                except RequestTooLarge:
                    raise _Unanswered from None
                except ServiceAway:
                    pass
                else:
                    if isinstance(reply, Refused):
                        raise _error(reply)
                    return reply, numbers
            if not self._link.is_expected or time.monotonic() > deadline:
                raise _Unanswered
            time.sleep(_LOOK_SECONDS)


def _vectors(reply: Reply, numbers: bytes, count: int, dimension: int) -> Vectors:
    if not isinstance(reply, VectorsReply) or (reply.count, reply.dimension) != (count, dimension):
        raise _Unanswered
    return np.frombuffer(numbers, "<f4").astype(np.float32).reshape(count, dimension)


def _error(reply: Refused) -> Exception:
    kind = _BY_CODE.get(reply.code)
    return _Unanswered() if kind is None else kind(reply.detail, hint=reply.hint)
