"""The inner loop of the vector scan, compiled by numba on first use."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

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
