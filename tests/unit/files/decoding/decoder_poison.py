"""What decoder processes run in tests instead of the real work: the first word of a file says what it does to them."""

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

from backend.files.decoding.work import work as real_work


def work(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    if b"POISON:" in data:
        act(data.rpartition(b"POISON:")[2].decode())
    return real_work(request, data)


def act(word: str) -> None:  # noqa: C901, PLR0912 - a list of ways to go wrong
    kind, _, argument = word.partition(" ")
    if kind == "segfault":
        ctypes.string_at(0)
    elif kind == "abort":
        os.abort()
    elif kind == "exit":
        os._exit(7)
    elif kind == "stall":
        Path(argument).touch()
        time.sleep(3600)
    elif kind == "stall_once":  # the first time only
        mark = Path(argument)
        if not mark.exists():
            mark.touch()
            time.sleep(3600)
    elif kind == "deaf":  # takes no signal but the one that nobody can refuse
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        Path(argument).touch()
        time.sleep(3600)
    elif kind == "memory":
        bytearray(int(argument))
    elif kind == "bug":
        raise LookupError("no such table")
    elif kind == "noise":
        print("a library prints")  # noqa: T201 - what a noisy library does
    elif kind == "environment":
        raise LookupError(" ".join(os.environ))
    elif kind == "once":  # dies the first time only
        mark = Path(argument)
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "write":
        Path(argument).write_bytes(b"x" * 100)
