"""Messages between a process and the vector service of its host. Each is the header of a frame; its fields say what the body holds.

A service answers each request with one reply. It answers `Nothing` where it cannot be certain, and the database is asked instead.
"""

from typing import Annotated, Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from backend.vector_protocol.frames import BrokenFrame

VERSION: Final = 1
ID_BYTES: Final = 16
_FLOAT_BYTES: Final = 4
_DOUBLE_BYTES: Final = 8
_MOST_FOUND: Final = 2_000_000
MOST_BODY_BYTES: Final = 128 * 1024 * 1024
_T = TypeVar("_T")

_Dimension = Annotated[int, Field(ge=1, le=16_384)]
_Word = Annotated[str, Field(max_length=10_000)]
_Words = Annotated[tuple[_Word, ...], Field(max_length=1_000)]
_Count = Annotated[int, Field(ge=0, le=2**62)]
_Fingerprint = Annotated[str, Field(max_length=1_000)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @property
    def body_bytes(self) -> int:
        """Length of the body that follows."""
        return 0


# --- requests ------------------------------------------------------------------------------------------------


class Hello(_Message):
    """The first frame of each connection. The token is needed over TCP."""

    kind: Literal["hello"] = "hello"
    version: int
    token: str = Field("", max_length=1_000)


class FilterFields(_Message):
    """The fields of `backend.rules.search.Filters`."""

    cluster_ids: Annotated[tuple[int, ...], Field(max_length=10_000)] = ()
    keywords_any: _Words = ()
    keywords_all: _Words = ()
    taken_from: AwareDatetime | None = None
    taken_until: AwareDatetime | None = None
    location: _Word = ""
    mime: _Words = ()
    source: _Words = ()


class BestRequest(_Message):
    """The best by a weighted sum. Body: the image and the text vector, float32, and ids of 16 bytes to exclude.

    Attributes:
        image: dimension of the image vector, None for none.
        text: dimension of the text vector, None for none.
        alpha: weight of the image similarity.
        k: number of results wanted.
        filters: conditions on the pictures.
        excluded: number of ids.
        for_any_order: see `backend.features.search.nominate`.
    """

    kind: Literal["best"] = "best"
    image: _Dimension | None
    text: _Dimension | None
    alpha: float = Field(ge=0, le=1)
    k: int = Field(ge=1, le=100_000)
    filters: FilterFields = FilterFields()
    excluded: int = Field(0, ge=0, le=10_000)
    for_any_order: bool = False

    @property
    def body_bytes(self) -> int:
        return _query_bytes(self.image, self.text) + ID_BYTES * self.excluded


class EveryAlphaRequest(_Message):
    """All that can be among the best at some alpha. Body: as of `BestRequest`."""

    kind: Literal["every_alpha"] = "every_alpha"
    image: _Dimension | None
    text: _Dimension | None
    k: int = Field(ge=1, le=1_000)
    excluded: int = Field(0, ge=0, le=10_000)

    @property
    def body_bytes(self) -> int:
        return _query_bytes(self.image, self.text) + ID_BYTES * self.excluded


class _OfSpace(_Message):
    """What names a pair of encoders: the fingerprints of its space."""

    image_fingerprint: _Fingerprint
    text_fingerprint: _Fingerprint


class WordsRequest(_OfSpace):
    """Texts as vectors of one side. No body."""

    kind: Literal["words"] = "words"
    side: Literal["image", "text"]
    words: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]


class PicturesRequest(_OfSpace):
    """Decoded pictures as image vectors. Body: their pixels, three bytes each, row by row.

    Attributes:
        sizes: (width, height) of each.
    """

    kind: Literal["pictures"] = "pictures"
    sizes: Annotated[
        tuple[tuple[Annotated[int, Field(ge=1, le=32_768)], Annotated[int, Field(ge=1, le=32_768)]], ...],
        Field(min_length=1, max_length=16),
    ]

    @property
    def body_bytes(self) -> int:
        return sum(3 * width * height for width, height in self.sizes)


class ImageInputRequest(_OfSpace):
    """What the image encoder wants of a picture. No body."""

    kind: Literal["image_input"] = "image_input"


class SearchRequest(_Message):
    """A whole search, for a process that would take longer to load its code. Body: the files of the pictures that hits should resemble.

    Attributes:
        library: digest of the library and of the settings that decide what an answer is.
        query: the other fields of `backend.features.search.SearchQuery`, as JSON.
        pictures: number of bytes of each file.
    """

    kind: Literal["search"] = "search"
    library: str = Field(max_length=100)
    query: dict[str, JsonValue]
    pictures: Annotated[tuple[Annotated[int, Field(ge=0, le=MOST_BODY_BYTES)], ...], Field(max_length=64)] = ()

    @property
    def body_bytes(self) -> int:
        return sum(self.pictures)


class FiguresRequest(_Message):
    """What the service keeps. No body."""

    kind: Literal["figures"] = "figures"


Request = (
    Hello
    | BestRequest
    | EveryAlphaRequest
    | WordsRequest
    | PicturesRequest
    | ImageInputRequest
    | SearchRequest
    | FiguresRequest
)


# --- replies -------------------------------------------------------------------------------------------------


class Welcome(_Message):
    """The answer to `Hello`. No body."""

    kind: Literal["welcome"] = "welcome"
    version: int


class SnapshotFields(_Message):
    """The fields of `backend.store.engine.Snapshot`."""

    next_id: _Count
    in_progress: Annotated[tuple[int, ...], Field(max_length=100_000)]
    server: str = Field(max_length=1_000)


class Found(_Message):
    """Pictures with exact cosines. Body: ids of 16 bytes, then the cosines of images, then those of texts, float64, NaN if missing.

    Attributes:
        count: number of pictures.
        compared: number of rows compared.
        image_reach: upper bound of the image cosine of all other pictures, None if unknown.
        text_reach: the same for the text cosine.
        as_of: what the answer is at least as new as.
    """

    kind: Literal["found"] = "found"
    count: int = Field(ge=0, le=_MOST_FOUND)
    compared: _Count
    image_reach: float | None
    text_reach: float | None
    as_of: SnapshotFields

    @property
    def body_bytes(self) -> int:
        return (ID_BYTES + 2 * _DOUBLE_BYTES) * self.count


class Nothing(_Message):
    """There is no certain answer from memory: the vectors are not loaded, too many would have to be measured, and so on. No body."""

    kind: Literal["nothing"] = "nothing"


class VectorsReply(_Message):
    """Unit vectors. Body: count rows of float32."""

    kind: Literal["vectors"] = "vectors"
    count: int = Field(ge=1, le=64)
    dimension: _Dimension

    @property
    def body_bytes(self) -> int:
        return _FLOAT_BYTES * self.count * self.dimension


class ImageInput(_Message):
    """Sizes in pixels: see `input_size_pixels` and `first_resize` of the image encoder. No body."""

    kind: Literal["image_input_is"] = "image_input_is"
    input_size_pixels: int
    first_resize: int | tuple[int, int] | None


class AnswerReply(_Message):
    """The answer to a search. Body: a `backend.features.search.Answer` as JSON."""

    kind: Literal["answer"] = "answer"
    length: int = Field(ge=0, le=MOST_BODY_BYTES)

    @property
    def body_bytes(self) -> int:
        return self.length


class Figures(_Message):
    """What the service keeps. No body.

    Attributes:
        state: state of the vectors, a `ScanState`.
        media: number of pictures in memory.
        memory_bytes: size of their vectors.
        age_seconds: since they were last up to date.
        has_encoders: whether the encoders of the active space are loaded.
    """

    kind: Literal["figures_are"] = "figures_are"
    state: str = Field(max_length=100)
    media: _Count
    memory_bytes: _Count
    age_seconds: float = Field(ge=0)
    has_encoders: bool


class Refused(_Message):
    """The request was refused. No body. `code` is one of the tree of errors, or "version", "token", "library" or "failed"."""

    kind: Literal["refused"] = "refused"
    code: str = Field(max_length=100)
    detail: str
    hint: str | None = None


Reply = AnswerReply | Welcome | Found | Nothing | VectorsReply | ImageInput | Figures | Refused

_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_REPLIES: Final[TypeAdapter[Reply]] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def read_request(header: bytes) -> Request:
    """Parse a header. Raises BrokenFrame."""
    return _read(_REQUESTS, header)


def read_reply(header: bytes) -> Reply:
    """Parse a header. Raises BrokenFrame."""
    return _read(_REPLIES, header)


def write(message: Request | Reply) -> bytes:
    """The header of a message."""
    return message.model_dump_json().encode()


def _read(adapter: TypeAdapter[_T], header: bytes) -> _T:
    try:
        return adapter.validate_json(header)
    except ValidationError as error:
        raise BrokenFrame("the header is not a message of this protocol") from error


def _query_bytes(image: int | None, text: int | None) -> int:
    return _FLOAT_BYTES * ((image or 0) + (text or 0))
