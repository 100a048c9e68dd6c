"""A batch in parts side by side, each on a few threads of its own, in place of one product after the other on all threads.

Threads that share a product wait for the last of them, hundreds of times in a model. Where a decoder or a database has one of
the cores, all wait for that one. Parts that know nothing of each other do not.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def compute_in_streams(
    compute: Callable[[Sequence[Item]], Result], items: Sequence[Item], *, part: int
) -> list[Result]:
    """`compute` of parts of the items; its results in their order. An error of one is raised when all have ended.

    Args:
        compute: runs a model on a CPU, at once in several threads, each with its share of those that torch has in this one.
        items: what to compute, at least one.
        part: how many one call takes at the most. With fewer than two parts there is one call with all threads.
    """
    threads = torch.get_num_threads()
    streams = count_streams(threads, len(items), part)
    if streams == 1:
        return [compute(items)]
    try:
        # Sets the number for the stream itself, and for threads that meet torch for the first time meanwhile.
        with ThreadPoolExecutor(streams, "stream", torch.set_num_threads, (threads // streams,)) as pool:
            return list(pool.map(compute, split_evenly(items, streams, part)))
    finally:
        torch.set_num_threads(threads)


def count_streams(threads: int, items: int, part: int) -> int:
    """The most streams that have a whole part each and share the threads without remainder."""
    return max(
        count for count in range(1, threads + 1) if threads % count == 0 and (count == 1 or count * part <= items)
    )


def split_evenly(items: Sequence[Item], streams: int, part: int) -> list[Sequence[Item]]:
    """As few parts as there can be, about equal, and as many for each stream."""
    parts = streams * -(-len(items) // (streams * part))
    bounds = [len(items) * place // parts for place in range(parts + 1)]
    return [items[start:end] for start, end in pairwise(bounds)]
