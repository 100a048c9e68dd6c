"""Watchdog of workers and beat. It ends a process that is alive but does nothing, so that its supervisor restarts it.

Celery consumers have stopped for good after a reconnect to Redis while the rest of the process kept running (celery#8030,
#10205). So each worker asks the broker, over a separate connection, whether messages are waiting. If there are some and it
takes none, it exits. So does a beat that no longer sends. Processes of a supervisor exit when that has died. A lost worker
loses no work, since its leases expire.

While all is well, the process touches a file, which health checks look at. An embedding worker starts to do so when its
encoders are loaded; before that it is alive but cannot work.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import redis
from celery import Celery
from celery.worker import state
from kombu.exceptions import ChannelError, OperationalError

from backend.supervision import find_supervisor

logger = logging.getLogger(__name__)

# EX_TEMPFAIL: a restart may help.
EXIT_STATUS = 75
LOOK_EVERY_SECONDS = 5.0
# Applies until the first task begins, since the encoders and their libraries are imported before it.
_START_SECONDS = 240.0
_ANSWER_SECONDS = 5.0
_PARENT_EVERY_SECONDS = 1.0
_OLD_PULSE_SECONDS = 86_400.0


@dataclass(frozen=True)
class Sight:
    """One observation of a process.

    Attributes:
        waiting: number of messages for it at the broker, None if the broker does not answer.
        progress: a counter that changes whenever the process does something.
        busy: whether it is running a task.
        overdue: whether a task has exceeded its time limit.
    """

    waiting: int | None
    progress: int
    busy: bool = False
    overdue: bool = False


class Vigil:
    """Decides from successive observations whether a process is stuck. The caller provides the clock."""

    def __init__(self, stall_seconds: float, *, start_seconds: float = _START_SECONDS) -> None:
        self._stall_seconds = stall_seconds
        self._start_seconds = start_seconds
        self._progress: int | None = None
        self._has_worked = False
        self._idle_since: float | None = None
        self._last_look: float | None = None

    def judge(self, sight: Sight, now: float) -> str | None:
        """The reason why the process must end, or None. `now` is in seconds of a monotonic clock."""
        gap = 0.0 if self._last_look is None else now - self._last_look
        self._last_look = now
        if sight.overdue:
            return "a task has exceeded the time limit"
        moved = sight.progress != self._progress
        self._has_worked = self._has_worked or sight.busy or (self._progress is not None and moved)
        self._progress = sight.progress
        # After a long gap the process itself was suspended, so give it time to work first.
        if moved or sight.busy or not sight.waiting or gap > 4 * LOOK_EVERY_SECONDS:
            self._idle_since = None
            return None
        if self._idle_since is None:
            self._idle_since = now
        idle_seconds = now - self._idle_since
        if idle_seconds < (self._stall_seconds if self._has_worked else self._start_seconds):
            return None
        return f"{sight.waiting} messages are waiting and no task was taken for {idle_seconds:.0f} s"


def watch_worker(
    app: Celery,
    queues: list[str],
    *,
    stall_seconds: float,
    task_seconds: float,
    pulse: Path,
    is_ready: Callable[[], bool] | None = None,
) -> None:
    """Watch this worker from a thread of its main process. Its pulse starts once `is_ready` returns true."""

    def look() -> Sight:
        # `time_start` of Celery is in seconds since 1970, as time.time() is.
        begun = [request.time_start or time.time() for request in _running()]
        overdue = any(time.time() - at > task_seconds for at in begun)
        return Sight(_count_messages(app, queues), sum(state.total_count.values()), bool(begun), overdue)

    _start(Vigil(stall_seconds), look, pulse, is_ready)


def watch_clock(app: Celery, count_rings: Callable[[], int], *, stall_seconds: float, pulse: Path) -> None:
    """Watch beat. While the broker answers, beat always has something to send."""

    def look() -> Sight:
        return Sight(None if _count_messages(app, []) is None else 1, count_rings())

    _start(Vigil(stall_seconds, start_seconds=stall_seconds), look, pulse)


def end_with_supervisor() -> None:
    """End this process when the supervisor that started it has died, even by SIGKILL. Without a supervisor, do nothing.

    A worker that lives on would take work beside those of the next start, perhaps with old code or settings.
    """
    pid = find_supervisor()
    if pid is not None:
        threading.Thread(target=_watch_parent, args=(pid,), name="supervisor", daemon=True).start()


def end_process() -> None:
    """End this process and its children at once. Their unfinished work is done again."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(EXIT_STATUS)


def _start(vigil: Vigil, look: Callable[[], Sight], pulse: Path, is_ready: Callable[[], bool] | None = None) -> None:
    arguments = vigil, look, pulse, is_ready or (lambda: True)
    threading.Thread(target=_keep_watch, args=arguments, name="watchdog", daemon=True).start()


def _keep_watch(vigil: Vigil, look: Callable[[], Sight], pulse: Path, is_ready: Callable[[], bool]) -> None:
    pulse.parent.mkdir(parents=True, exist_ok=True)
    _remove_old_pulses(pulse.parent)
    # In a container the previous process had the same name, and its recent file would count for this one.
    pulse.unlink(missing_ok=True)
    while True:
        reason = vigil.judge(look(), time.monotonic())
        if reason is not None:
            logger.critical("This process exits to be restarted: %s.", reason)
            end_process()
        if is_ready():
            with suppress(OSError):  # a full disk is reported by the code that needs the space
                pulse.touch()
        time.sleep(LOOK_EVERY_SECONDS)


def _watch_parent(pid: int) -> None:
    # An orphan gets another parent at once. So this holds on Linux and macOS alike, and when the id is used again.
    while os.getppid() == pid:
        time.sleep(_PARENT_EVERY_SECONDS)
    logger.critical("This process exits: the command that started it (%d) has died.", pid)
    end_process()


def _remove_old_pulses(folder: Path) -> None:
    """Remove the files of killed processes."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _OLD_PULSE_SECONDS:
                path.unlink()


def _count_messages(app: Celery, queues: list[str]) -> int | None:
    """The number of messages in these queues; None if the broker does not answer."""
    options: dict[str, Any] = {"socket_timeout": _ANSWER_SECONDS, "socket_connect_timeout": _ANSWER_SECONDS}
    count = 0
    try:
        with app.connection_for_read(transport_options=options) as connection:
            connection.ensure_connection(max_retries=1, timeout=int(_ANSWER_SECONDS))
            for queue in queues:
                with suppress(ChannelError):  # the queue does not exist yet, so it is empty
                    channel: Any = connection.default_channel
                    count += channel.queue_declare(queue=queue, passive=True).message_count
    except (OperationalError, OSError, redis.RedisError):
        return None
    return count


def _running() -> list[Any]:
    """The running requests. Copying the set is retried, since other threads change it meanwhile."""
    while True:
        with suppress(RuntimeError):
            return list(state.active_requests)
