"""Wait for a state instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 300.0
"""For what comes: enough for a busy machine. What never comes fails all the same."""

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T],
    *,
    seconds: float = PATIENCE_SECONDS,
    every_seconds: float = 0.05,
    pause: Callable[[float], object] = time.sleep,
) -> T:
    """Ask until the answer is true, and return it; fail after `seconds`.

    `pause` waits between two questions. Where a browser is looked at, it is `pause_of(page)`: what the browser tells
    (requests, routes) only arrives while Playwright waits.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"It did not happen within {seconds:g} seconds."
        pause(every_seconds)
    return answer
