"""Clocks that tests set, where the product would look at that of the machine."""

import threading
import time
from collections.abc import Callable


class SetClock:
    """A clock that stands still until somebody waits by it or moves it. Thread-safe."""

    def __init__(self, *, on_sleep: Callable[[], object] = lambda: None) -> None:
        """`on_sleep` is what goes on while somebody waits."""
        self._now = 1_000_000.0
        self._lock = threading.Lock()
        self._on_sleep = on_sleep
        self.slept: list[float] = []
        """How long each wait was."""

    def monotonic(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        self._on_sleep()

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds


class NotedClock:
    """The clock of the machine. It notes how long each wait was."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        time.sleep(seconds)
