"""Heartbeats of worker processes, with their current tasks. They go to Postgres, so that they do not need the broker."""

import logging
import os
import socket
import threading
import time
from typing import Any

from celery.signals import task_postrun, task_prerun, worker_process_init, worker_process_shutdown, worker_shutdown

from backend.errors import MediaclusterError
from backend.store.operations import BEAT_SECONDS, forget_worker, record_heartbeat
from workers import runtime

logger = logging.getLogger(__name__)


class Heartbeat:
    """The heartbeat of this process. It starts with the first task, hence after the fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, tuple[str, float]] = {}
        self._done = 0
        self._started = time.monotonic()
        self._pid: int | None = None
        self._stopped = threading.Event()

    @property
    def worker(self) -> str:
        """Name of this process."""
        return f"{socket.gethostname()}:{os.getpid()}"

    @property
    def is_running(self) -> bool:
        """Whether the heartbeat runs in this process, not only in the one that it was forked from."""
        return self._pid == os.getpid()

    def start(self) -> None:
        """Start the heartbeat. A forked child starts a separate one."""
        with self._lock:
            if self.is_running:
                return
            self._pid = os.getpid()
            self._started = time.monotonic()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def begin(self, task_id: str, name: str) -> None:
        with self._lock:
            self._running[task_id] = (name.removeprefix("mediacluster."), time.monotonic())

    def end(self, task_id: str) -> None:
        with self._lock:
            self._running.pop(task_id, None)
            self._done += 1

    def beat(self) -> None:
        """Record one heartbeat."""
        now = time.monotonic()
        with self._lock:
            running = sorted(self._running.values(), key=lambda one: one[1])
            done = self._done
        try:
            with runtime.services().database.transaction() as session:
                record_heartbeat(
                    session,
                    self.worker,
                    [name for name, _since in running],
                    busy_seconds=now - running[0][1] if running else None,
                    tasks_done=done,
                    up_seconds=now - self._started,
                )
        except MediaclusterError as error:
            logger.warning("The heartbeat could not be written: %s", error.full_detail)

    def stop(self) -> None:
        """Stop the heartbeat and remove its record, so that a process that ends normally does not count as missing."""
        self._stopped.set()
        try:
            with runtime.services().database.transaction() as session:
                forget_worker(session, self.worker)
        except MediaclusterError as error:
            logger.warning("The heartbeat could not be removed: %s", error.full_detail)

    def _beat(self) -> None:
        while not self._stopped.is_set():
            self.beat()
            self._stopped.wait(BEAT_SECONDS)


heartbeat = Heartbeat()


@worker_process_init.connect
def _start(**_: object) -> None:
    heartbeat.start()


@task_prerun.connect
def _begin(task_id: str = "", task: Any = None, **_: object) -> None:
    heartbeat.start()
    heartbeat.begin(task_id, str(getattr(task, "name", "")))


@task_postrun.connect
def _end(task_id: str = "", **_: object) -> None:
    heartbeat.end(task_id)


@worker_process_shutdown.connect
@worker_shutdown.connect
def _stop(**_: object) -> None:
    if heartbeat.is_running:
        heartbeat.stop()
