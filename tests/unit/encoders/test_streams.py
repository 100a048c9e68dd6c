"""A batch in parts side by side: every item once, in order, and the threads as they were."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from backend.encoders.streams import compute_in_streams, count_streams, split_evenly


@pytest.fixture(params=[1, 2, 4], ids=["one-thread", "two-threads", "four-threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("threads", "items", "streams"),
    [
        (1, 16, 1),
        (2, 16, 2),
        (2, 8, 2),
        (2, 7, 1),
        (2, 1, 1),
        (3, 16, 3),
        (3, 9, 1),
        (6, 16, 3),
        (7, 16, 1),
        (16, 16, 4),
        (16, 64, 16),
    ],
)
def test_count_streams(threads: int, items: int, streams: int) -> None:
    assert count_streams(threads, items, 4) == streams


@pytest.mark.parametrize(
    ("items", "streams", "sizes"),
    [(16, 2, [4, 4, 4, 4]), (8, 2, [4, 4]), (13, 2, [3, 3, 3, 4]), (16, 3, [2, 3, 3, 2, 3, 3]), (64, 16, [4] * 16)],
)
def test_split_evenly(items: int, streams: int, sizes: list[int]) -> None:
    parts = split_evenly(range(items), streams, 4)

    assert [len(part) for part in parts] == sizes
    assert [item for part in parts for item in part] == list(range(items))


@pytest.mark.parametrize("count", [1, 7, 8, 33])
def test_compute_in_streams__every_item_once_in_order(threads: int, count: int) -> None:
    results = compute_in_streams(lambda part: [2 * item for item in part], range(count), part=4)

    assert [value for part in results for value in part] == [2 * item for item in range(count)]
    assert torch.get_num_threads() == threads
    assert threads_of_a_new_thread() == threads


def test_compute_in_streams__the_streams_share_the_threads(threads: int) -> None:
    """No more of them at work than torch was given, and as many at once as there are streams."""
    together = threading.Barrier(threads, timeout=30)

    def compute(part: Sequence[int]) -> int:
        together.wait()
        return torch.get_num_threads()

    assert compute_in_streams(compute, range(4 * threads), part=4) == [1] * threads


def test_compute_in_streams__too_few_for_all_threads_share_more_of_them() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert compute_in_streams(lambda _: torch.get_num_threads(), range(8), part=4) == [2, 2]
        assert compute_in_streams(lambda _: torch.get_num_threads(), range(7), part=4) == [4]
    finally:
        torch.set_num_threads(before)


def test_compute_in_streams__an_error_comes_out_and_the_threads_are_as_before(threads: int) -> None:
    def compute(part: Sequence[int]) -> int:
        if 5 in part:
            raise ValueError("of this part")
        return len(part)

    with pytest.raises(ValueError, match="of this part"):
        compute_in_streams(compute, range(16), part=4)

    assert threads_of_a_new_thread() == threads


def threads_of_a_new_thread() -> int:
    """A thread takes over what was set last, wherever in the process."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()
