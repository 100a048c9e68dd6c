"""The inner loop of `backend.rules.search.cascade`, compiled by numba. Importing this module takes as long as numba does: import it where it runs.

Sums over codes stay within 32 bits, so that LLVM compiles them to a sign extension and a vpmaddwd or vpdpwssd for every 32 numbers. By default
numba counts in 64 bits, which takes two and a half times as long.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

_F = TypeVar("_F", bound=Callable[..., Any])
_BLOCK_ROWS = 512
_GROUP_ROWS = 32


def _compiled(function: _F) -> _F:
    """Machine code, cached next to this file or in numba's own folder. The first call takes seconds."""
    try:
        compiled: Any = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # there is no writable folder for the cache
        compiled = numba.njit(nogil=True)(function)
    kernel: _F = compiled
    return kernel


@_compiled
def _product(codes: Any, query: Any) -> Any:
    """The product of a row (d,) of int8 with a query (d,) of int16, as int32."""
    total = np.int32(0)
    for index in range(query.shape[0]):
        total = np.int32(total + np.int32(np.int32(codes[index]) * np.int32(query[index])))
    return total


@_compiled
def add_products(heads: Any, query: Any, out: Any) -> None:
    """Add the products of rows (n, d) of int8 with a query (d,) of int16 to out (n,)."""
    for row in range(heads.shape[0]):
        out[row] += _product(heads[row], query)


@_compiled
def _replace_least(heap: Any, value: Any) -> None:
    """Replace the least number of a min-heap (k,), which is its first."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= heap.shape[0]:
            break
        if child + 1 < heap.shape[0] and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value


@_compiled
def _drop_below(rows: Any, uppers: Any, count: int, floor: Any) -> int:
    """Keep those of the first `count` that reach the floor. Returns their number."""
    kept = 0
    for one in range(count):
        if uppers[one] >= floor:
            rows[kept], uppers[kept] = rows[one], uppers[one]
            kept += 1
    return kept


@_compiled
def scan_cascade(  # noqa: C901, PLR0912, PLR0915 - a loop in machine code, in which calls would cost
    image_heads: Any,
    text_heads: Any,
    head_bounds: Any,
    image_tails: Any,
    text_tails: Any,
    tail_bounds: Any,
    flags: Any,
    middles: Any,
    image_head_queries: Any,
    text_head_queries: Any,
    image_queries: Any,
    text_queries: Any,
    numbers: Any,
    masks: Any,
    best: Any,
    sizes: Any,
    rows: Any,
    uppers: Any,
    counts: Any,
) -> None:
    """One pass over n media for m orders. `backend.rules.search.cascade` names the columns of `head_bounds`, `tail_bounds` and `numbers`.

    Reads:
        image_heads: (n, h) int8.
        text_heads: (n, g) int8.
        head_bounds: (5, n) float32.
        image_tails: (n, i) int8, what follows the head of the image.
        text_tails: (n, t) int8, the same of the text.
        tail_bounds: (n, 10) float32.
        flags: (n,) uint8, a bit for each class that the row belongs to.
        middles: (2,) int64, length of the first part of each tail.
        image_head_queries: (m, h) int16.
        text_head_queries: (m, g) int16.
        image_queries: (m, i) int16.
        text_queries: (m, t) int16.
        numbers: (m, 14) float64.
        masks: (m,) uint8, the bits that a row needs to take part.

    Writes:
        best: (m, most) float32. The first sizes[order] are a min-heap of the greatest lower bounds. Begins with -inf.
        rows: (m, room) int64, contenders.
        uppers: (m, room) float32, their upper bounds.
        counts: (m,) int64, the number of contenders; -1 if there was no room for all.
    """
    products = np.empty(_BLOCK_ROWS, dtype=np.int32)
    upper = np.empty(_BLOCK_ROWS, dtype=np.float32)
    for begin in range(0, image_heads.shape[0], _BLOCK_ROWS):
        end = min(begin + _BLOCK_ROWS, image_heads.shape[0])
        # A view: with an index that could be negative, the loop below would not be compiled to vectors.
        lengths = head_bounds[:, begin:end]
        for order in range(numbers.shape[0]):
            if counts[order] < 0:
                continue
            of = numbers[order]
            products[:] = 0
            if of[2] != 0.0:
                add_products(image_heads[begin:end], image_head_queries[order], products)
            if of[4] != 0.0:
                add_products(text_heads[begin:end], text_head_queries[order], products)
            step, slack = np.float32(of[0]), np.float32(of[1])
            image_lost, image_rest = np.float32(of[2]), np.float32(of[3])
            text_lost, text_rest = np.float32(of[4]), np.float32(of[5])
            # The last block may be short. What is behind its end may read -inf as the floor, and is left out below.
            for place in range(end - begin, _BLOCK_ROWS):
                upper[place] = -np.inf
            for place in range(end - begin):
                upper[place] = (
                    np.float32(products[place]) * step * lengths[4, place]
                    + slack
                    + image_lost * lengths[0, place]
                    + image_rest * lengths[1, place]
                    + text_lost * lengths[2, place]
                    + text_rest * lengths[3, place]
                )
            heap = best[order, : sizes[order]]
            mask = masks[order]
            for group in range(0, end - begin, _GROUP_ROWS):
                # Most groups have none that reaches the floor. Without a branch in it, this loop is a few instructions.
                reaching = 0
                floor = heap[0]
                for place in range(group, group + _GROUP_ROWS):
                    reaching += upper[place] >= floor
                if reaching == 0:
                    continue
                for place in range(group, min(group + _GROUP_ROWS, end - begin)):
                    row = begin + place
                    if upper[place] < heap[0] or flags[row] & mask != mask:
                        continue
                    bounds = tail_bounds[row]
                    about = np.float64(products[place]) * of[0] * head_bounds[4, row]
                    if of[6] != 0.0:
                        part = _product(image_tails[row, : middles[0]], image_queries[order, : middles[0]])
                        about += np.float64(part) * of[6] * bounds[0]
                    if of[7] != 0.0:
                        part = _product(text_tails[row, : middles[1]], text_queries[order, : middles[1]])
                        about += np.float64(part) * of[7] * bounds[5]
                    off = of[1] + of[8] * bounds[1] + of[9] * bounds[2] + of[10] * bounds[6] + of[11] * bounds[7]
                    if about + off < heap[0]:
                        continue
                    if of[6] != 0.0:
                        part = _product(image_tails[row, middles[0] :], image_queries[order, middles[0] :])
                        about += np.float64(part) * of[6] * bounds[3]
                    if of[7] != 0.0:
                        part = _product(text_tails[row, middles[1] :], text_queries[order, middles[1] :])
                        about += np.float64(part) * of[7] * bounds[8]
                    off = of[1] + of[12] * bounds[4] + of[13] * bounds[9]
                    if about + off < heap[0]:
                        continue
                    if about - off > heap[0]:
                        _replace_least(heap, np.float32(about - off))
                    if counts[order] == rows.shape[1]:
                        counts[order] = _drop_below(rows[order], uppers[order], counts[order], heap[0])
                        if 4 * counts[order] > 3 * rows.shape[1]:
                            counts[order] = -1
                            break
                    rows[order, counts[order]] = row
                    uppers[order, counts[order]] = np.float32(about + off)
                    counts[order] += 1
                if counts[order] < 0:
                    break


@_compiled
def write_sums(
    heads: Any,
    head_scales: Any,
    tails: Any,
    tail_bounds: Any,
    first: int,
    middle: int,
    head_query: Any,
    tail_query: Any,
    head_step: float,
    tail_step: float,
    out: Any,
) -> None:
    """Write the whole product of a query with one side of each row into out (n,), float32. `first` is the side's first column of tail_bounds."""
    for row in range(heads.shape[0]):
        total = np.float64(_product(heads[row], head_query)) * head_step * head_scales[row]
        part = np.float64(_product(tails[row, :middle], tail_query[:middle]))
        total += part * tail_step * tail_bounds[row, first]
        part = np.float64(_product(tails[row, middle:], tail_query[middle:]))
        total += part * tail_step * tail_bounds[row, first + 3]
        out[row] = np.float32(total)


@_compiled
def rotate_few(vectors: Any, rotation: Any, out: Any) -> None:
    """Add vectors (m, d) @ rotation (d, d) to out (m, d), in double precision. For a few queries, the threads of a BLAS wait longer for each other
    than this takes."""
    for row in range(vectors.shape[0]):
        turned = out[row]
        for index in range(rotation.shape[0]):
            factor = vectors[row, index]
            axis = rotation[index]
            if factor != 0.0:
                for place in range(axis.shape[0]):
                    turned[place] += factor * axis[place]
