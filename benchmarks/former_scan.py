# ruff: noqa: INP001 - scripts, not a package
"""The scan as it was before the cascade (decision 22): every row is read whole for every query, one query at a time. For comparison only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.vectors import unit_rows

Kernel = Callable[..., None]


def scan_codes(codes: Any, scales: Any, query: Any, query_scale: Any, out: Any, begin: int, end: int) -> None:
    """Write scales[row] * query_scale * <codes[row], query> into out[row] for begin <= row < end.

    codes is (n, d) int8, query (d,) int16. With AVX-512, LLVM compiles the loop to a sign extension and a vpmaddwd for
    every 32 numbers, so that memory bandwidth is the limit. That requires each step to stay within 32 bits: by default
    numba uses 64, which takes two and a half times as long.
    """
    for row in range(begin, end):
        total = np.int32(0)
        for index in range(query.shape[0]):
            total = np.int32(total + np.int32(np.int32(codes[row, index]) * np.int32(query[index])))
        out[row] = np.float32(total) * scales[row] * query_scale


@cache
def compiled() -> Kernel:
    """`scan_codes` as machine code, cached next to this file or in numba's own folder. The first call takes seconds."""
    import numba

    try:
        kernel: Kernel = numba.njit(nogil=True, cache=True)(scan_codes)
    except RuntimeError:  # there is no writable folder for the cache
        kernel = numba.njit(nogil=True)(scan_codes)
    return kernel


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
