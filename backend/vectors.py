"""What every pure module does with vectors."""

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidVector


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows (n, d) scaled to length one, in double precision. Raises InvalidVector where a row has no direction."""
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
