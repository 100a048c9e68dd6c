"""One lock per server: whoever starts or stops it holds the lock meanwhile."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.errors import BackendUnavailable

PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.02


@contextmanager
def exclusive(path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock file `path`; the kernel lets go of it when the holder dies, however it dies.

    The file stays behind on purpose: removing it would let two processes lock two different files of one name.

    Raises:
        BackendUnavailable: somebody else held it for longer than `patience_seconds`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(descriptor, path, patience_seconds)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, path: Path, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise BackendUnavailable(
                    f"Another process has held {path} for more than {patience_seconds:g} seconds.",
                    hint="It is starting or stopping an embedded server. Check the log beside it, then try again.",
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return
