"""Callers that wait for decoders are served in turn."""

import threading
from queue import Queue

from backend.files.decoding import decoding_for
from backend.files.decoding.fair_slots import FairSlots
from tests.support.waiting import wait_for


def test_acquire__serves_callers_in_turn() -> None:
    slots, served, threads = FairSlots(1), Queue[str](), []

    def work(caller: str) -> None:
        with decoding_for(caller):
            assert slots.acquire(60)
        served.put(caller)

    assert slots.acquire(0)
    for number, caller in enumerate(["slow"] * 5 + ["honest"], 1):
        threads.append(threading.Thread(target=work, args=(caller,)))
        threads[-1].start()
        wait_for(lambda number=number: sum(map(len, slots._waiting.values())) == number)  # type: ignore[misc]
    order = []
    for _ in threads:
        slots.release()
        order.append(served.get(timeout=60))
    assert order == ["slow", "honest", "slow", "slow", "slow", "slow"]
    slots.release()
    assert slots.acquire(0)


def test_acquire__one_that_waits_too_long_is_forgotten() -> None:
    slots = FairSlots(1)
    assert slots.acquire(0)
    assert not slots.acquire(0.01)
    slots.release()
    assert slots.acquire(0)
    assert not slots._waiting
