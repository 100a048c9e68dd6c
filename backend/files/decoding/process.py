"""Parent side of one decoder process: starting it, sending it files, and killing it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from backend.errors import BackendUnavailable, DecodeCrash
from backend.files.decoding.frames import read_frame, write_frame

_START_SECONDS: Final = 60.0
_MEBIBYTE: Final = 1024 * 1024
_PIPE_BYTES: Final = _MEBIBYTE  # transfers a picture in a few pieces instead of a hundred
# A fixed environment, so that neither passwords nor settings reach a process that reads hostile files.
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",  # the stacks of more threads would count against the memory limit
    "OMP_NUM_THREADS": "1",
    # Keep freed memory for the next picture. Returning and requesting it again takes a tenth of the time.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024 * 1024),
    "MALLOC_TOP_PAD_": str(16 * 1024 * 1024),
}


StartTimer = Callable[[float, Callable[[], None]], Callable[[], None]]
"""Calls a function after so many seconds, in a thread of its own. Returns what cancels that."""


def start_timer(seconds: float, call: Callable[[], None]) -> Callable[[], None]:
    """The timer by the clock of this machine."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer.cancel


class DecoderDied(DecodeCrash):
    """The process ended while it decoded a file: the file crashed it, or something else killed it."""


class DecoderProcess:
    """A process that decodes one file at a time. Not thread-safe."""

    def __init__(self, work: str, memory_bytes: int, seconds: float, start_timer: StartTimer) -> None:
        """Start the process and wait until it is ready.

        Raises:
            BackendUnavailable: it does not start.
        """
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._start_timer = start_timer
        self.files = 0
        """Number of files that it was given."""
        # An empty entry means the current folder, which need not be the child's.
        search_path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "backend.files.decoding.child", work, str(memory_bytes), str(seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_ENVIRONMENT | {"PYTHONPATH": search_path},
                bufsize=0,
                pipesize=_PIPE_BYTES,
            )
        except OSError as error:
            raise _not_started(error.strerror) from error
        try:
            with self._watched(_START_SECONDS):
                read_frame(self._answers)
        except (OSError, EOFError, ValueError) as error:
            self.kill()
            raise _not_started(f"it ended with {self.process.returncode}") from error

    @property
    def lives(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def ask(self, request: dict[str, Any], blobs: Sequence[bytes]) -> tuple[dict[str, Any], list[bytes]]:
        """Send one file and wait for the answer. If that fails, the process has been killed.

        Raises:
            DecoderDied: it ended on its own, or something else killed it.
            DecodeCrash: it took too long or too much memory.
        """
        self.files += 1
        try:
            with self._watched(self._seconds) as overran:
                try:
                    write_frame(self._requests, request, blobs)
                    answer, parts = read_frame(self._answers)
                except (OSError, EOFError, ValueError) as error:
                    self.kill()
                    raise self._crash(overran.is_set()) from error
        except BaseException:  # such as a task's time limit: a late answer would be taken for that of the next file
            self.kill()
            raise
        if "memory" in answer:
            self.kill()
            allowed = self._memory_bytes // _MEBIBYTE
            raise DecodeCrash(f"Decoding the picture needs more than {allowed:,} MiB of memory.", hint=_HINT)
        return answer, parts

    def kill(self) -> None:
        """Kill the process at once. Idempotent."""
        with suppress(ProcessLookupError):
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self.process.wait()

    def _crash(self, overran: bool) -> DecodeCrash:
        if overran:
            return DecodeCrash(f"Decoding the picture takes longer than {self._seconds:g} seconds.", hint=_HINT)
        code = self.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return DecoderDied(f"The decoder {how} while reading the picture.", hint=_HINT)

    @contextmanager
    def _watched(self, seconds: float) -> Iterator[threading.Event]:
        """Kill the process if the block takes longer, which ends every wait for it. The event tells whether it did."""
        lock, overran, done = threading.Lock(), threading.Event(), threading.Event()

        def end() -> None:
            with lock:
                if not done.is_set():
                    overran.set()
                    self.process.kill()

        cancel = self._start_timer(seconds, end)
        try:
            yield overran
        finally:
            cancel()
            with lock:
                done.set()

    @property
    def _requests(self) -> Any:
        return self.process.stdin

    @property
    def _answers(self) -> Any:
        return self.process.stdout


_HINT: Final = "Save the picture again with another program and send the copy."


def _not_started(reason: str | None) -> BackendUnavailable:
    return BackendUnavailable(
        f"The process that decodes pictures cannot be started: {reason}.",
        hint="Check the log of this process. The usual cause is too little memory.",
    )
