"""Streams: parts of a batch computed in parallel, each on a few threads, instead of each product on all threads.

Threads that share a product wait for the slowest one, hundreds of times in a model. If a decoder or a database occupies one
of the cores, all threads wait for it. Independent parts do not.
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
    """Apply `compute` to parts of the items in parallel. Returns the results in order.

    If a part fails, its error is raised after all parts have ended.

    Args:
        compute: runs a model on a CPU. Called in several threads at once, each with its share of torch's threads.
        items: the items, at least one.
        part: maximum number of items for one call. With fewer than two parts there is a single call on all threads.
    """
    threads = torch.get_num_threads()
    streams = count_streams(threads, len(items), part)
    if streams == 1:
        return [compute(items)]
    try:
        # Applies to the stream's own thread, and to threads that use torch for the first time meanwhile.
        with ThreadPoolExecutor(streams, "stream", torch.set_num_threads, (threads // streams,)) as pool:
            return list(pool.map(compute, split_evenly(items, streams, part)))
    finally:
        torch.set_num_threads(threads)


def count_streams(threads: int, items: int, part: int) -> int:
    """The greatest number of streams that divides the threads evenly and gives each stream a full part."""
    return max(
        count for count in range(1, threads + 1) if threads % count == 0 and (count == 1 or count * part <= items)
    )


def split_evenly(items: Sequence[Item], streams: int, part: int) -> list[Sequence[Item]]:
    """Split items into as few parts as possible, of about equal size, with the same number of parts for each stream."""
    parts = streams * -(-len(items) // (streams * part))
    bounds = [len(items) * index // parts for index in range(parts + 1)]
    return [items[start:end] for start, end in pairwise(bounds)]
