"""Vector operations shared by all pure modules."""

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidVector

_BLOCK = 4096


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale rows (n, d) to unit length, in double precision. Raises InvalidVector for a row without a direction."""
    doubles = np.asarray(vectors, dtype=np.float64)
    if doubles.ndim != 2:
        raise InvalidVector(f"Vectors come as rows of a matrix, not as an array of {doubles.ndim} dimensions.")
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", doubles, doubles))
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise InvalidVector(f"Vector {bad[0]} is zero or holds NaN or infinity.")
    units: NDArray[np.float64] = doubles / lengths[:, None]
    return units


def unit_rows_in_single(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Like `unit_rows`, rounded to single precision. Works in blocks, without a matrix (n, d) in double precision."""
    units = np.empty(vectors.shape, dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        units[start : start + _BLOCK] = unit_rows(vectors[start : start + _BLOCK])
    return units
