"""The clock by which waits and deadlines are decided."""

import time
from typing import Final, Protocol


class Clock(Protocol):
    """Tells the time and waits: the module `time`, or a clock that tests set."""

    def monotonic(self) -> float:
        """Seconds since some moment. They never go back."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


CLOCK: Final[Clock] = time
"""The clock of this machine."""
