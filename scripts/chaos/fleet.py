"""The processes of a library on servers of its own. Dead ones are restarted, processes as by a process manager and servers as `up` does."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from backend.embedded import POSTGRES, REDIS, ServerKeeper, ensure_servers, status_postgres, status_redis, stop_servers
from backend.supervision import pulse_path, worker_command

_LOOK_EVERY_SECONDS = 0.2
# Long enough for a busy machine, where a task may be loading a model.
_STOP_SECONDS = 300.0
# Variables that would make child processes use another library.
_OWN_PREFIXES = ("MEDIACLUSTER_", "DATABASE_URL", "REDIS_URL")


@dataclass
class Member:
    """A process of the fleet, and how to start it. `resting` ones are not restarted."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes]
    port: int | None = None
    resting: bool = False


@dataclass
class Fleet:
    """Servers, APIs, workers and beat in one home. Use it as a context manager."""

    home: Path
    api_count: int = 2
    embed_count: int = 2
    light_count: int = 2
    settings: dict[str, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    restarts: Counter[str] = field(default_factory=Counter)
    database_url: str = ""
    redis_url: str = ""

    def __enter__(self) -> Self:
        servers = ensure_servers(self.home)
        # As `up` keeps them: no fault starts a server again by itself.
        self._keepers = [ServerKeeper(one, self.home, on_give_up=lambda: None) for one in (POSTGRES, REDIS)]
        for keeper in self._keepers:
            keeper.__enter__()
        self.database_url, self.redis_url = servers.database_url, servers.redis_url
        (self.home / "logs").mkdir(exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "backend.cli", "db", "migrate"],
            env=self.environment(),
            check=True,
            capture_output=True,
        )
        for number in range(self.api_count):
            port = _free_port()
            command = [sys.executable, "-m", "backend.cli", "serve", "--port", str(port)]
            self._add(f"api-{number}", command, port)
        for role, count in (("embed", self.embed_count), ("light", self.light_count)):
            for number in range(count):
                self._add(f"{role}-{number}", worker_command(role, name=str(number)))
        self._add("beat-0", worker_command("beat"))
        self._add("vectors-0", worker_command("vectors"))
        self._client = httpx.Client(timeout=5)
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="fleet", daemon=True)
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._keeper.join()
        self._client.close()
        for keeper in self._keepers:
            keeper.__exit__(None, None, None)
        for member in self.members.values():
            kill_group(member.process)
        server = status_postgres(self.home).pid
        if server is not None:
            os.kill(server, signal.SIGQUIT)  # a checkpoint is not needed
        stop_servers(self.home)

    def environment(self) -> dict[str, str]:
        """The environment of the members."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIXES)}
        return own | {
            "MEDIACLUSTER_HOME": str(self.home),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "MEDIACLUSTER_VECTOR_SERVICE": "ask",
            **self.settings,
        }

    def ports(self) -> list[int]:
        """Ports of the APIs."""
        return [member.port for member in self.members.values() if member.port is not None]

    def named(self, *roles: str) -> list[Member]:
        """Members of these roles."""
        return [member for member in self.members.values() if member.name.partition("-")[0] in roles]

    def replace(self, member: Member) -> float:
        """End a member by SIGTERM and start it again. Returns how many seconds it took to end.

        Waits until the new process is healthy, as a rolling restart does. Raises TimeoutExpired if the old one does not end, and
        TimeoutError if the new one does not become healthy.
        """
        # The file of the previous process says nothing about the new one.
        pulse = pulse_path(self.home, f"{member.name}@{socket.gethostname()}")
        member.resting = True
        begun = time.monotonic()
        member.process.terminate()
        try:
            member.process.wait(_STOP_SECONDS)
        finally:
            took = time.monotonic() - begun
            kill_group(member.process)
            pulse.unlink(missing_ok=True)
            member.process = self._start(member.name, member.command)
            member.resting = False
        if wait_until(lambda: self._is_healthy(member, pulse), _STOP_SECONDS) is None:
            raise TimeoutError(f"{member.name} did not become healthy")
        return took

    def search(self) -> list[int]:
        """Search by words at each API. Returns the statuses of the answers."""
        with httpx.Client(timeout=_STOP_SECONDS) as client:
            return [
                client.get(f"http://127.0.0.1:{port}/search", params={"q": "a boat"}).status_code
                for port in self.ports()
            ]

    def wait_for_servers(self) -> None:
        """Wait until the keepers have started both servers again. Raises TimeoutError."""
        if (
            wait_until(lambda: status_postgres(self.home).running and status_redis(self.home).running, _STOP_SECONDS)
            is None
        ):
            raise TimeoutError(f"a server was not started again: {[keeper.error for keeper in self._keepers]}")

    def _is_healthy(self, member: Member, pulse: Path) -> bool:
        if member.port is not None:
            with suppress(httpx.HTTPError):
                return self._client.get(f"http://127.0.0.1:{member.port}/health/ready").is_success
            return False
        if member in self.named("beat"):  # its file contains its process id
            return pulse_path(self.home, f"beat-{member.process.pid}@{socket.gethostname()}").exists()
        return pulse.exists()

    def _keep(self) -> None:
        while not self._ending.wait(_LOOK_EVERY_SECONDS):
            for member in list(self.members.values()):
                if not member.resting and member.process.poll() is not None:
                    self.restarts[member.name.partition("-")[0]] += 1
                    member.process = self._start(member.name, member.command)

    def _add(self, name: str, command: list[str], port: int | None = None) -> None:
        self.members[name] = Member(name, command, self._start(name, command), port)

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.home / "logs" / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the process and its children, even if stopped."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """All descendants of a process."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def wait_until(condition: Callable[[], bool], seconds: float, *, every: float = 0.1) -> float | None:
    """Wait for a condition. Returns the seconds it took, or None on timeout."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(every)
    return time.monotonic() - begun


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
