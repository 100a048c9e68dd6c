"""Questions of several threads share passes, and none waits for company."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.store.search.passes import Passes, PassFailed
from tests.support.waiting import wait_for


class Gate:
    """Answers with squares. Passes wait until the gate is open."""

    def __init__(self, most: int = 1) -> None:
        self.open = threading.Event()
        self.batches: list[list[int]] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self.passes: Passes[int, int] = Passes(self.run, most)

    def run(self, batch: list[int]) -> list[int]:
        with self._lock:
            self.batches.append(batch)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.open.wait(10)
        with self._lock:
            self.at_once -= 1
        if 13 in batch:
            raise ValueError("thirteen")
        return [one * one for one in batch]

    def wait_for_questions(self, count: int) -> None:
        wait_for(lambda: len(self.passes._waiting) == count)


def test_passes__alone_at_once() -> None:
    gate = Gate()
    gate.open.set()
    assert [gate.passes.ask(one) for one in range(5)] == [0, 1, 4, 9, 16]
    assert gate.batches == [[0], [1], [2], [3], [4]]


def test_passes__what_waits_shares_the_next_one() -> None:
    gate = Gate()
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(gate.passes.ask, 2)
        wait_for(lambda: gate.batches == [[2]])
        others = [pool.submit(gate.passes.ask, one) for one in range(14, 30)]
        gate.wait_for_questions(16)
        gate.open.set()
        assert first.result(10) == 4
        assert [other.result(10) for other in others] == [one * one for one in range(14, 30)]
    assert [len(batch) for batch in gate.batches] == [1, 16]


def test_passes__no_more_at_once_than_allowed() -> None:
    gate = Gate(most=2)
    gate.open.set()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(gate.passes.ask, range(100, 2_100))) == [one * one for one in range(100, 2_100)]
    assert gate.most_at_once <= 2
    assert sum(len(batch) for batch in gate.batches) == 2_000
    # Nothing is left behind, and the next question is not held up.
    assert gate.passes.ask(3) == 9


def test_passes__one_that_fails_fails_for_all_that_share_it_and_for_no_other() -> None:
    gate = Gate()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(gate.passes.ask, 2)
        wait_for(lambda: gate.batches == [[2]])
        leader = pool.submit(gate.passes.ask, 13)
        gate.wait_for_questions(1)
        other = pool.submit(gate.passes.ask, 5)
        gate.wait_for_questions(2)
        gate.open.set()
        assert first.result(10) == 4
        with pytest.raises(ValueError, match="thirteen"):
            leader.result(10)
        with pytest.raises(PassFailed):
            other.result(10)
    assert gate.passes.ask(5) == 25
