"""A worker that is alive but consumes nothing is noticed and started anew."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.bootstrap import resolve_broker_url
from backend.doorbell import Work
from backend.services import Services
from backend.settings import Settings
from backend.supervision import Supervisor, worker_command
from workers.receiving import make_worker_app
from workers.watchdog import EXIT_STATUS

PATIENCE_SECONDS = 240.0


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """For workers that this process starts."""
    assert settings.database_url is not None
    monkeypatch.setenv("MEDIACLUSTER_HOME", str(settings.home))
    monkeypatch.setenv("MEDIACLUSTER_PRESET", "demo")
    monkeypatch.setenv("MEDIACLUSTER_STALL_SECONDS", "5")
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("REDIS_URL", resolve_broker_url(settings))


@pytest.fixture
def worker(environment: None, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A light worker called `watched`."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "light.log").open("wb") as log:
        process = subprocess.Popen(
            worker_command("light", name="watched"), stdout=log, stderr=log, start_new_session=True
        )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_worker__that_consumes_nothing_ends_itself(
    worker: subprocess.Popen[bytes], services: Services, settings: Settings
) -> None:
    app = make_worker_app(settings)
    name = f"light-watched@{os.uname().nodename}"
    pulse = settings.home / "run" / name
    wait_for(pulse.exists)
    # As after a lost reconnect: it answers every ping, and takes no message any more. The first one it still had.
    services.doorbell.ring(Work.SWEEP)
    wait_for(lambda: "succeeded" in (settings.home / "light.log").read_text())
    app.control.cancel_consumer("light", destination=[name])
    wait_for(lambda: "Canceling queue light" in (settings.home / "light.log").read_text())
    assert app.control.ping(destination=[name], timeout=10)
    services.doorbell.ring(Work.SWEEP)
    wait_for(lambda: worker.poll() is not None)
    assert worker.returncode == EXIT_STATUS
    assert "messages wait and nothing was taken up" in (settings.home / "light.log").read_text()


def test_supervisor__starts_anew_what_has_died_and_what_stands_still(environment: None, settings: Settings) -> None:
    with Supervisor(settings.home, ["beat"], mute_seconds=8.0) as supervisor:
        first = supervisor.pids()["beat"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: supervisor.pids()["beat"] != first)
        second = supervisor.pids()["beat"]
        host = os.uname().nodename
        wait_for((settings.home / "run" / f"beat-{second}@{host}").exists)
        os.kill(second, signal.SIGSTOP)
        wait_for(lambda: supervisor.pids()["beat"] != second)
        third = supervisor.pids()["beat"]
        assert not Path(f"/proc/{second}").exists()
    assert not Path(f"/proc/{third}").exists()
