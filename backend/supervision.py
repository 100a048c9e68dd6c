"""Supervision of the project's own processes (workers, beat): they run and end with the process that starts them."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

logger = logging.getLogger(__name__)

_STOP_SECONDS = 20.0
_LOOK_EVERY_SECONDS = 1.0
# Pulses come every five seconds.
_MUTE_SECONDS = 45.0

ROLES = ("embed", "light", "beat")
_QUEUES = {"embed": "embed", "light": "light", "all": "embed,light"}
# Not a setting: only a supervisor sets it, for the processes that it starts.
_SUPERVISOR_VARIABLE = "MEDIACLUSTER_SUPERVISOR_PID"


def worker_command(role: str, *, log_level: str = "INFO", name: str | None = None) -> list[str]:
    """The command line of one process: a worker, which is `embed` (heavy, one process), `light` (threads) or `all`; `beat`; or `vectors`.

    The worker is called ROLE-NAME. `name` is by default the id of the calling process, which often becomes the worker.
    """
    if role == "vectors":
        return [sys.executable, "-m", "backend.cli", "vectors"]
    celery = [sys.executable, "-m", "celery", "-A"]
    if role == "beat":
        return [*celery, "workers.clock_app", "beat", "--loglevel", log_level, "--pidfile="]
    pool = (
        ["--pool", "threads", "--concurrency", "4"] if role == "light" else ["--pool", "prefork", "--concurrency", "1"]
    )
    return [
        *celery,
        "workers.celery_app",
        "worker",
        *("--queues", _QUEUES[role]),
        *("--hostname", f"{role}-{name or os.getpid()}@%h"),
        *pool,
        *("--loglevel", log_level),
        "--without-mingle",
        "--without-gossip",
    ]


def pulse_path(home: Path, name: str) -> Path:
    """The file that a worker or beat touches regularly while it works properly: see `workers.watchdog`."""
    return home / "run" / name


def find_supervisor() -> int | None:
    """The id of the process whose Supervisor started this one; None if this process was started in any other way."""
    pid = os.environ.get(_SUPERVISOR_VARIABLE)
    return None if pid is None else int(pid)


def end_with_supervisor() -> None:
    """End this process when the supervisor that started it has died, even by SIGKILL. Without a supervisor, do nothing."""
    pid = find_supervisor()
    if pid is not None:
        threading.Thread(target=_watch_parent, args=(pid,), name="supervisor", daemon=True).start()


def _watch_parent(pid: int) -> None:
    # An orphan gets another parent at once. So this holds on Linux and macOS alike, and when the id is used again.
    while os.getppid() == pid:
        time.sleep(_LOOK_EVERY_SECONDS)
    logger.critical("This process exits: the command that started it (%d) has died.", pid)
    os._exit(1)


class Supervisor:
    """Starts processes, restarts them when they die or get stuck, and ends them on exit. Their output goes to HOME/logs.

    If this process is killed, it cannot end them. Then they end on their own: see `workers.watchdog.end_with_supervisor`.
    """

    def __init__(self, home: Path, roles: Sequence[str] = ROLES, *, mute_seconds: float = _MUTE_SECONDS) -> None:
        self._home = home
        self._log_folder = home / "logs"
        self._roles = roles
        self._mute_seconds = mute_seconds
        self._pulses: dict[int, tuple[int, float]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_processes, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log_folder.mkdir(mode=0o700, exist_ok=True)
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
        deadline = time.monotonic() + _STOP_SECONDS
        try:
            for process in self._running.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            # Kill what still runs after the grace period, or after a second signal that cut it short.
            for process in self._running.values():
                _kill_group(process)

    def pids(self) -> dict[str, int]:
        """The process id of each role."""
        return {role: process.pid for role, process in self._running.items()}

    def _watch_processes(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_SECONDS):
            for role, process in list(self._running.items()):
                if self._is_stuck(role, process.pid):
                    logger.warning("%s (%d) is stuck; killing it.", role, process.pid)
                    _kill_group(process)
                if process.poll() is not None and not self._stopping.is_set():
                    logger.warning("%s ended with %s; restarting it.", role, process.returncode)
                    self._pulses.pop(process.pid, None)
                    self._running[role] = self._start(role)

    def _is_stuck(self, role: str, pid: int) -> bool:
        """Whether the process has not touched its pulse file for too long.

        The time is measured by the monotonic clock, so that time for which the machine was suspended does not count.
        """
        try:
            pulse = self._pulse(role, pid).stat().st_mtime_ns
        except OSError:
            return False  # it is still starting
        last, since = self._pulses.get(pid, (None, 0.0))
        if pulse != last:
            self._pulses[pid] = (pulse, time.monotonic())
            return False
        return time.monotonic() - since > self._mute_seconds

    def _pulse(self, role: str, pid: int) -> Path:
        # The name of a worker has the id of the process that starts it, the name of beat its own.
        return pulse_path(self._home, f"{role}-{pid if role == 'beat' else os.getpid()}@{socket.gethostname()}")

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        # A pulse file of the previous process says nothing about the new one.
        self._pulse(role, 0).unlink(missing_ok=True)
        descriptor = os.open(
            self._log_folder / f"{role}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "ab") as log:
            return _spawn(worker_command(role), log)


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command, no shell
        command,
        env=os.environ | {_SUPERVISOR_VARIABLE: str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        # In a separate session, so that Ctrl-C in the terminal reaches only the supervisor, which ends the rest in order.
        start_new_session=True,
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group, so that a pool process does not outlive its parent."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)
