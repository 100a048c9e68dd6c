"""Long tasks in child processes, so that requests and uploads continue."""

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress

import psutil

from backend.errors import BackendUnavailable
from backend.features.services import Services

_COMMAND = "from backend.cli import main; main()"
_NICENESS = 10


class Background:
    """Starts commands for the library of this process, at most one child per job name.

    Children end with this process: every command started here takes `--attached`.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _end, self._children)

    def start(self, job: str, command: Sequence[str]) -> None:
        """Start a command in the background, unless a child already runs this job.

        Args:
            job: name of the job.
            command: arguments for `mediacluster`.

        Raises:
            BackendUnavailable: no process can be started.
        """
        with self._lock:
            if self.is_running(job):
                return
            for ended in [name for name, child in self._children.items() if child.poll() is not None]:
                self._children.pop(ended).communicate()  # this closes the pipe
            try:
                self._children[job] = subprocess.Popen(  # noqa: S603 - of words of ours
                    [sys.executable, "-c", _COMMAND, *command, "--attached"],
                    env=self._environment(),
                    # Nothing is written to it. The child ends when it is closed.
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                )
            except OSError as error:
                raise BackendUnavailable(
                    f"The server could not start a process for this: {error.strerror}.",
                    hint=f"Run `mediacluster {' '.join(command)}` on the server.",
                ) from error
            with suppress(psutil.NoSuchProcess):  # it may have ended already
                psutil.Process(self._children[job].pid).nice(_NICENESS)

    def is_running(self, job: str) -> bool:
        child = self._children.get(job)
        return child is not None and child.poll() is None

    def _environment(self) -> dict[str, str]:
        """The environment of children, which names the library even if this process opened it by other means."""
        settings = self._services.settings
        direct = settings.direct_database_url
        own = {
            "DATABASE_URL": self._services.database.url,
            "MEDIACLUSTER_DATABASE_POOLER": settings.database_pooler,
            "MEDIACLUSTER_DIRECT_DATABASE_URL": direct.get_secret_value() if direct else "",
            "REDIS_URL": settings.redis_url.get_secret_value() if settings.redis_url else "",
            "MEDIACLUSTER_HOME": str(settings.home_path),
            "MEDIACLUSTER_STORAGE_URL": settings.resolved_storage_url,
            "MEDIACLUSTER_THRESHOLD": "" if settings.threshold is None else repr(settings.threshold),
        }
        return {**os.environ, **own}


def _end(children: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for child in children.values():
        if child.poll() is None:
            child.kill()
        child.communicate()
