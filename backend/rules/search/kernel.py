"""The inner loop of the vector scan, compiled for this machine by numba when it is first needed."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

Kernel = Callable[..., None]


def scan_codes(codes: Any, scales: Any, query: Any, query_scale: Any, out: Any, begin: int, end: int) -> None:
    """Write scales[row] * query_scale * <codes[row], query> into out[row] for begin <= row < end.

    codes (n, d) int8, query (d,) int16: LLVM makes of the loop a sign extension and a vpmaddwd for each 32 numbers where
    there is AVX-512, so that the bandwidth of the memory is the bound. It may do so only if each step is held to 32 bits:
    numba counts in 64 otherwise, which takes two and a half times as long.
    """
    for row in range(begin, end):
        total = np.int32(0)
        for place in range(query.shape[0]):
            total = np.int32(total + np.int32(np.int32(codes[row, place]) * np.int32(query[place])))
        out[row] = np.float32(total) * scales[row] * query_scale


@cache
def compiled() -> Kernel:
    """`scan_codes` as machine code, kept beside this file or in numba's own cache. The first call takes seconds."""
    import numba

    try:
        kernel: Kernel = numba.njit(nogil=True, cache=True)(scan_codes)
    except RuntimeError:  # there is no folder that it could be kept in
        kernel = numba.njit(nogil=True)(scan_codes)
    return kernel
