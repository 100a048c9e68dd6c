"""Run the project's own processes (workers, beat) beside the one that asked for them, and end them with it."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 20.0
_LOOK_EVERY_SECONDS = 1.0

ROLES = ("embed", "light", "beat")
_QUEUES = {"embed": "embed", "light": "light", "all": "embed,light"}


def worker_command(role: str, *, log_level: str = "INFO") -> list[str]:
    """The command line of one worker: `embed` (heavy, one process), `light` (threads), `all`, or `beat`."""
    celery = [sys.executable, "-m", "celery", "-A", "workers.celery_app"]
    if role == "beat":
        return [*celery, "beat", "--loglevel", log_level, "--pidfile="]
    pool = (
        ["--pool", "threads", "--concurrency", "4"] if role == "light" else ["--pool", "prefork", "--concurrency", "1"]
    )
    return [
        *celery,
        "worker",
        *("--queues", _QUEUES[role]),
        *("--hostname", f"{role}-{os.getpid()}@%h"),
        *pool,
        *("--loglevel", log_level),
        "--without-mingle",
        "--without-gossip",
    ]


class Supervisor:
    """Starts processes, starts them again when they die, and ends them on exit. Their output goes to log files."""

    def __init__(self, log_folder: Path, roles: Sequence[str] = ROLES) -> None:
        self._log_folder = log_folder
        self._roles = roles
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_processes, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        for role in self._roles:
            self._running[role] = self._start(role)
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._watch.join()
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # The group, so that a pool process does not outlive its parent.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def pids(self) -> dict[str, int]:
        """The process id of each role."""
        return {role: process.pid for role, process in self._running.items()}

    def _watch_processes(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_SECONDS):
            for role, process in list(self._running.items()):
                if process.poll() is not None and not self._stopping.is_set():
                    logger.warning("%s ended with %s; it is started again.", role, process.returncode)
                    self._running[role] = self._start(role)

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        with (self._log_folder / f"{role}.log").open("ab") as log:
            return _spawn(worker_command(role), log)


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C in the terminal reaches only the supervisor, which ends the rest in order.
    return subprocess.Popen(  # noqa: S603 - our own command, no shell
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)
