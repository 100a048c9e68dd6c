"""Quantised unit vectors, one byte per component, with strict error bounds for cosines measured on them.

A row x is stored as codes c and a scale s, so that s * c is near to x, with the length of the residual, |x - s * c|. For
a query q of unit length the Cauchy-Schwarz inequality gives |<q, x> - <q, s * c>| <= |x - s * c|: a bound for each row,
not an estimate. (Scalar quantisation with a stored residual norm; compare the lower bounds of the VA-file, Weber et
al., 1998.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.rules.search.kernel import compiled
from backend.vectors import unit_rows

Floats = NDArray[np.float32]

_MOST_CODE = 127
# Queries are quantised more finely than rows, as far as a sum of products fits in 32 bits.
_MOST_QUERY_CODE = 8191
_UNIT_ROUNDOFF_32 = 2.0**-24
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Codes:
    """Quantised rows.

    Attributes:
        codes: (n, d) the codes, int8.
        scales: (n,) scale of each row.
        losses: (n,) upper bound of the error that the coding adds to a cosine with the row.
    """

    codes: NDArray[np.int8]
    scales: Floats
    losses: Floats

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def dimension(self) -> int:
        return int(self.codes.shape[1])

    @classmethod
    def empty(cls, count: int, dimension: int) -> "Codes":
        """Room for `count` rows, all zero."""
        return cls(
            np.zeros((count, dimension), dtype=np.int8),
            np.zeros(count, dtype=np.float32),
            np.zeros(count, dtype=np.float32),
        )

    def write(self, begin: int, vectors: Floats) -> None:
        """Quantise vectors (m, d) of any length except zero into the rows from `begin` on."""
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            rows = slice(begin + start, begin + start + len(block))
            units = unit_rows(block)
            scales = (np.abs(units).max(axis=1) / _MOST_CODE).astype(np.float32)
            coded = np.rint(units / scales[:, None].astype(np.float64))
            lost = units - coded * scales[:, None]
            self.codes[rows] = np.clip(coded, -_MOST_CODE, _MOST_CODE)
            self.scales[rows] = scales
            # Rounded up by more than the rounding error of single precision.
            self.losses[rows] = np.linalg.norm(lost, axis=1) * (1 + 1e-6)

    def first(self, count: int) -> "Codes":
        """A view of the first rows."""
        return Codes(self.codes[:count], self.scales[:count], self.losses[:count])

    def grown(self, count: int) -> "Codes":
        """The same rows in a copy with room for `count`."""
        larger = Codes.empty(count, self.dimension)
        larger.codes[: len(self)] = self.codes
        larger.scales[: len(self)] = self.scales
        larger.losses[: len(self)] = self.losses
        return larger


def measure(rows: Codes, query: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Approximate cosines (n,) of a query (d,) of any length except zero to all rows, and their error bounds (n,).

    The bounds include the rounding errors of single precision here and, for the same cosine, in Postgres.
    """
    unit = unit_rows(np.asarray(query)[None])[0]
    most = min(_MOST_QUERY_CODE, (2**31 - 1) // (_MOST_CODE * max(rows.dimension, 1)))
    scale = np.float32(np.abs(unit).max() / most)
    coded = np.clip(np.rint(unit / float(scale)), -most, most)
    lost = float(np.linalg.norm(unit - coded * float(scale)))
    about = np.empty(len(rows), dtype=np.float32)
    compiled()(rows.codes, rows.scales, coded.astype(np.int16), scale, about, 0, len(rows))
    # |<q, x> - <q', x'>| <= |q| |x - x'| + |q - q'| |x'|, with |x'| <= 1 + |x - x'|.
    rounding = 2 * (rows.dimension + 16) * _UNIT_ROUNDOFF_32
    return about, rows.losses * np.float32(1 + lost) + np.float32(lost + rounding)
