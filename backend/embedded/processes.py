"""Processes and logs of the embedded servers."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from backend.clock import CLOCK, Clock

_LOG_LIMIT_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 8 * 1024
_KILL_SECONDS = 10
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class ServerStatus:
    """The status of one embedded server.

    Attributes:
        running: whether it runs and answers.
        pid: its process id, None while it does not run.
        url: its address, None while it does not run.
    """

    running: bool
    pid: int | None = None
    url: str | None = None


@dataclass(frozen=True)
class Started:
    """A running server.

    Attributes:
        url: its address.
        started: whether this call started it.
    """

    url: str
    started: bool


def find_servers(folder: Path, names: frozenset[str]) -> list[psutil.Process]:
    """Running processes with one of `names` whose working folder is `folder`.

    A pid file alone proves nothing: after a crash its number may belong to any process.
    """
    return [
        process
        for process in psutil.process_iter(["name"])
        if process.info["name"] in names and _works_in(process, folder)
    ]


def is_server(pid: int | None, folder: Path, names: frozenset[str]) -> bool:
    """Whether `pid` is a running process with one of `names` and the working folder `folder`."""
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        return process.name() in names and _works_in(process, folder)
    except psutil.Error:
        return False


def end(processes: Iterable[psutil.Process], *, patience_seconds: float, clock: Clock = CLOCK) -> None:
    """Wait for processes to end on their own, then kill the remaining ones."""
    left = _wait_for(list(processes), patience_seconds, clock)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait_for(left, _KILL_SECONDS, clock)


def _wait_for(processes: list[psutil.Process], patience_seconds: float, clock: Clock) -> list[psutil.Process]:
    """The processes that still run after the wait. A zombie counts as ended: not every container has an init to reap it."""
    deadline = clock.monotonic() + patience_seconds
    while (processes := [process for process in processes if _lives(process)]) and clock.monotonic() < deadline:
        clock.sleep(_POLL_SECONDS)
    return processes


def read_pid(path: Path) -> int | None:
    """The number in the first line of a pid file; None if there is none."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def rotate(log: Path) -> None:
    """Rotate a large log, keeping one older file, so that logs do not grow without bound."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def log_size_bytes(log: Path) -> int:
    """The size of the log; 0 if there is none."""
    return log.stat().st_size if log.exists() else 0


def last_lines(log: Path, *, since_bytes: int = 0, lines: int = 12) -> str:
    """The last lines of a log, without the part before `since_bytes`."""
    if not log.exists():
        return "(no log was written)"
    with log.open("rb") as stream:
        stream.seek(max(since_bytes, log.stat().st_size - _TAIL_BYTES))
        text = stream.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:]) or "(nothing was written to the log)"


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return _lives(process) and Path(process.cwd()) == folder
    except (psutil.Error, OSError):
        return False
