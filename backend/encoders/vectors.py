"""Unit vectors as numpy arrays. Pure: no model, no torch."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.errors import InvalidVector

Vectors: TypeAlias = NDArray[np.float32]

# Rounding to float32 or float16 changes the length of a unit vector by at most this much.
_UNIT_TOLERANCE = 1e-3

_HINT = "Embed the pictures again. If that does not help, the encoder's weights are damaged."


def normalise_rows(array: ArrayLike) -> Vectors:
    """Scale each row of an (n, dimension) array to length 1. Computes in float64 and returns float32.

    Raises:
        InvalidVector: a row is zero or not finite, or the array is not (n, dimension).
    """
    rows = np.asarray(array, dtype=np.float64)
    if rows.ndim != 2:
        raise InvalidVector(f"Expected rows of vectors, got an array of shape {rows.shape}.", hint=_HINT)
    _require_finite(rows)
    if rows.shape[1] == 0:
        raise InvalidVector("The vectors have no dimensions.", hint=_HINT)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not largest.all():
        raise InvalidVector(f"Vector {int(np.argmin(largest))} is zero and has no direction.", hint=_HINT)
    scaled = rows / largest  # so that squares of very large or small values stay finite
    unit: Vectors = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
    return unit


def require_unit_vectors(array: ArrayLike, dimension: int) -> Vectors:
    """Return `array`, of shape (n, dimension) or (dimension,), as float32 if all its vectors have length 1.

    Raises:
        InvalidVector: wrong dimension, not finite, zero or not of unit length.
    """
    vectors = np.asarray(array, dtype=np.float32)
    if vectors.ndim not in (1, 2) or vectors.shape[-1] != dimension:
        raise InvalidVector(
            f"Expected vectors of {dimension} dimensions, got an array of shape {vectors.shape}.",
            hint="It was made by a different encoder than this space uses.",
        )
    _require_finite(vectors)
    lengths = np.atleast_1d(np.linalg.norm(vectors.astype(np.float64), axis=-1))
    wrong = np.flatnonzero(np.abs(lengths - 1.0) > _UNIT_TOLERANCE)
    if wrong.size:
        first = int(wrong[0])
        raise InvalidVector(f"Vector {first} has length {lengths[first]:.6g}, expected 1.", hint=_HINT)
    return vectors


def _require_finite(vectors: NDArray[Any]) -> None:
    finite = np.isfinite(np.atleast_2d(vectors)).all(axis=-1)
    if not finite.all():
        raise InvalidVector(f"Vector {int(np.argmin(finite))} holds NaN or infinity.", hint=_HINT)
