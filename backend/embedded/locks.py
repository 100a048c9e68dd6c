"""File locks, one per server. A process holds the lock while it starts or stops the server."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.clock import CLOCK, Clock
from backend.errors import BackendUnavailable

PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.02


@contextmanager
def exclusive(path: Path, *, patience_seconds: float = PATIENCE_SECONDS, clock: Clock = CLOCK) -> Iterator[None]:
    """Hold the lock file `path`. The kernel releases it when the holder dies, however that happens.

    The file is kept on purpose: if it were removed, two processes could lock two different files of the same name.

    Raises:
        BackendUnavailable: another process held it for longer than `patience_seconds`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(descriptor, path, patience_seconds, clock)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, patience_seconds: float, clock: Clock) -> None:
    deadline = clock.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= deadline:
                raise BackendUnavailable(
                    f"Another process has held {path} for more than {patience_seconds:g} seconds.",
                    hint="It is starting or stopping an embedded server. Check the log beside it, then try again.",
                ) from None
            clock.sleep(_POLL_SECONDS)
        else:
            return
