"""Slots that callers take in turn, so that one with many slow files does not make the others wait for all of them."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_caller: ContextVar[str] = ContextVar("decoding_for", default="")


@contextmanager
def decoding_for(caller: str) -> Iterator[None]:
    """Decode on behalf of `caller` within the block. Callers that wait for decoders are served in turn."""
    before = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(before)


class FairSlots:
    """A semaphore whose waiting callers are served in turn, and each in order. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[threading.Event]] = {}

    def acquire(self, timeout: float) -> bool:
        """Take a slot for the caller of this context. False if there is none within `timeout` seconds."""
        caller, turn = _caller.get(), threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            self._waiting.setdefault(caller, deque()).append(turn)
        if turn.wait(timeout):
            return True
        with self._lock:
            if turn.is_set():  # it came in the same moment
                return True
            self._waiting[caller].remove(turn)
            if not self._waiting[caller]:
                del self._waiting[caller]
        return False

    def release(self) -> None:
        """Give a slot back: to the caller that has waited longest since its last turn."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            caller = next(iter(self._waiting))
            turns = self._waiting.pop(caller)
            turns.popleft().set()
            if turns:
                self._waiting[caller] = turns  # behind the others
