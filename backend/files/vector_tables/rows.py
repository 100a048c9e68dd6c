"""Rows of embeddings made elsewhere. Each side is an array of many rows, and errors are reported row by row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidRecord, InvalidVector, MediaclusterError

# Known names of the columns, in lower case and without spaces, hyphens and underscores.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("path", "file", "filename", "sourceuri", "url"),
    "id": ("id", "mediaid"),
    "image": ("imageembedding", "imagevector", "imageembeddings", "imagevectors"),
    "text": ("textembedding", "textvector", "textembeddings", "textvectors"),
    "caption": ("captionembedding", "captionvector", "captionembeddings", "captionvectors"),
}
SIDES: Final[tuple[str, ...]] = ("image", "text", "caption")
# A unit vector rounded to single precision is this close to length one. It is stored without another rounding.
_ROUNDED: Final = 1e-6


@dataclass(frozen=True)
class Dimensions:
    """The dimensions of the vectors of a space.

    Attributes:
        image: dimension of image and caption vectors.
        text: dimension of text vectors.
    """

    image: int
    text: int

    def of(self, side: str) -> int:
        """The dimension of a side. Captions are embedded by the image encoder."""
        return self.text if side == "text" else self.image


@dataclass(frozen=True, eq=False)
class Side:
    """The vectors of one side.

    Attributes:
        vectors: (n, d) unit vectors, zero for a row without one.
        present: (n,) whether the row has a vector.
    """

    vectors: NDArray[np.float32]
    present: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> "Side":
        """Some of the rows."""
        return Side(self.vectors[rows], self.present[rows])


@dataclass(frozen=True, eq=False)
class VectorRows:
    """Consecutive rows of a file.

    Attributes:
        first: number of the first row, from 1.
        records: the values of each row other than vectors.
        sides: the vectors, by name of the side.
        errors: what is wrong with a row, by its position in this block.
    """

    first: int
    records: list[dict[str, Any]]
    sides: Mapping[str, Side]
    errors: Mapping[int, MediaclusterError]


def match_names(names: Iterable[str]) -> dict[str, str]:
    """Maps each known meaning (path, id, image, text, caption) to its name in the file. Other names are ignored.

    Raises:
        InvalidRecord: there is no image vector, or neither a path nor an id.
    """
    given = {name.lower().replace("_", "").replace("-", "").replace(" ", ""): name for name in names}
    found = {
        meaning: given[next(name for name in known if name in given)]
        for meaning, known in _NAMES.items()
        if any(name in given for name in known)
    }
    if "image" not in found or not {"path", "id"} & found.keys():
        lacking = "image_embedding" if "image" not in found else "path"
        raise InvalidRecord(
            f"There is no {lacking} among {', '.join(sorted(given.values())) or 'nothing'}.",
            hint="Each row needs a path (or an id) and an image_embedding; text_embedding and caption_embedding may follow.",
        )
    return found


def make_rows(
    first: int,
    records: list[dict[str, Any]],
    vectors: Mapping[str, Sequence[Any] | NDArray[Any]],
    dimensions: Dimensions,
    present: Mapping[str, NDArray[np.bool_]],
) -> VectorRows:
    """Check that the vectors of each side have the space's dimension, are finite and not zero, and scale them to length 1."""
    errors: dict[int, MediaclusterError] = {}
    sides = {}
    for side in SIDES:
        given = vectors.get(side)
        if given is None:
            given = [None] * len(records)
        sides[side] = _read_side(given, side, dimensions.of(side), present.get(side), errors)
    for row in np.flatnonzero(~sides["image"].present):
        errors.setdefault(int(row), InvalidVector("There is no image vector."))
    return VectorRows(first, records, sides, errors)


def _read_side(
    given: Sequence[Any] | NDArray[Any],
    side: str,
    dimension: int,
    present: NDArray[np.bool_] | None,
    errors: dict[int, MediaclusterError],
) -> Side:
    vectors, has = np.zeros((len(given), dimension), dtype=np.float32), np.zeros(len(given), dtype=np.bool_)
    if isinstance(given, np.ndarray):
        if given.ndim != 2 or given.shape[1] != dimension or not np.issubdtype(given.dtype, np.floating):
            raise InvalidVector(
                f"The {side} vectors are an array of shape {given.shape} of {given.dtype}; the space has {dimension} dimensions.",
                hint="They were made by a different encoder than the library uses; see `mediacluster status`.",
            )
        has[:] = True if present is None else present
        rows = given
    else:
        rows = np.zeros((len(given), dimension), dtype=np.float64)
        for row, value in enumerate(given):
            if value is not None and (trouble := _copy_row(rows[row], value, side)) is not None:
                errors.setdefault(row, trouble)
            elif value is not None:
                has[row] = True
    _normalise(rows, has, vectors, side, errors)
    return Side(vectors, has)


def _copy_row(into: NDArray[np.float64], value: Any, side: str) -> InvalidVector | None:
    try:
        vector = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return InvalidVector(f"The {side} vector is not a list of numbers.")
    if vector.shape != into.shape:
        shape = len(vector) if vector.ndim == 1 else f"shape {vector.shape}"
        return InvalidVector(
            f"The {side} vector has {shape} dimensions; the space has {len(into)}.",
            hint="It was made by a different encoder than the library uses.",
        )
    into[:] = vector
    return None


def _normalise(
    rows: NDArray[Any],
    has: NDArray[np.bool_],
    vectors: NDArray[np.float32],
    side: str,
    errors: dict[int, MediaclusterError],
) -> None:
    """Fill `vectors` with the rows scaled to length one, and record an error for each row without a direction."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        doubles = np.asarray(rows, dtype=np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", doubles, doubles))
        bad = has & ~(np.isfinite(lengths) & (lengths > 0))
        good = has & ~bad
        scale = np.where(np.abs(lengths - 1) <= _ROUNDED, 1.0, lengths)
        vectors[good] = (doubles[good] / scale[good, None]).astype(np.float32)
    for row in np.flatnonzero(bad):
        what = "is zero" if lengths[row] == 0 else "holds NaN or infinity"
        errors.setdefault(int(row), InvalidVector(f"The {side} vector {what}."))


def split(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The values of one record other than vectors, with path and id under these names."""
    vectors = {names[side] for side in SIDES if side in names}
    record = {name: value for name, value in values.items() if name not in vectors}
    return record | {meaning: values.get(names[meaning]) for meaning in ("path", "id") if meaning in names}


def blocks(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Split values into lists of up to `size`."""
    block: list[Any] = []
    for value in values:
        block.append(value)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block
