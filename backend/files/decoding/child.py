"""Main module of a decoder process. It reads requests from standard input until EOF and answers on standard output.

`backend.files.decoding.process` starts it with the dotted path of the function that does the work, its memory limit in
bytes, and the time limit for one file in seconds. It has no access to the database or the settings.
"""

import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from backend.errors import MediaclusterError
from backend.files.decoding.frames import read_frame, write_frame

Work = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], list[bytes]]]

# The parent kills a process that takes too long. If the parent has died, this alarm ends the process a little later.
_ALARM_FACTOR = 1.5


def main() -> None:
    """Serve requests one after another."""
    name, memory_bytes, seconds = sys.argv[1:]
    requests, answers = FileIO(0, "rb"), _take_standard_output()
    # Signals are for the parent. When it ends, its decoders finish the current file and then read EOF.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    work = _load(name)
    _limit(int(memory_bytes))
    write_frame(answers, {"ready": True})
    while True:
        try:
            request, blobs = read_frame(requests)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, float(seconds) * _ALARM_FACTOR)
        _answer(work, request, blobs[0], answers)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(work: Work, request: dict[str, Any], data: bytes, answers: FileIO) -> None:
    try:
        header, blobs = work(request, data)
    except MemoryError:
        # The heap is exhausted, so this process cannot decode another file.
        write_frame(answers, {"memory": True})
        sys.exit(1)
    except MediaclusterError as error:
        header, blobs = {"error": error.code, "detail": error.detail, "hint": error.hint}, []
    except Exception as error:  # noqa: BLE001 - any failure is reported as a failure of this file
        header, blobs = {"failure": f"{type(error).__name__}: {error}"[:500]}, []
    write_frame(answers, header, blobs)


def _take_standard_output() -> FileIO:
    """Reserve the pipe for answers, and redirect what libraries print to standard error."""
    answers = FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _load(name: str) -> Work:
    module, _, function = name.partition(":")
    work: Work = getattr(importlib.import_module(module), function)
    return work


def _limit(memory_bytes: int) -> None:
    """Limit memory beyond what is mapped so far, and forbid writing files and core dumps."""
    with suppress(OSError, ValueError):
        mapped_pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = mapped_pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (0, 0))


if __name__ == "__main__":
    main()
