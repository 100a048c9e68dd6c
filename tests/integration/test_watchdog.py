"""A worker that is alive but takes no messages is noticed and restarted."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from backend.doorbell import Work
from backend.encoders import PRESETS
from backend.features.intake import accept_picture
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.files.text import MediaText
from backend.settings import Settings
from backend.store.media import get_media
from backend.supervision import Supervisor, worker_command
from tests.support.command_line import use_library
from tests.support.processes import is_alive
from tests.support.waiting import PATIENCE_SECONDS, wait_for
from workers.receiving import make_worker_app
from workers.watchdog import EXIT_STATUS


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """For workers that this process starts."""
    use_library(settings, monkeypatch)
    monkeypatch.setenv("MEDIACLUSTER_PRESET", "demo")
    monkeypatch.setenv("MEDIACLUSTER_STALL_SECONDS", "5")


@contextmanager
def running(settings: Settings, role: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker called `watched`; its log is ROLE.log."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / f"{role}.log").open("wb") as log:
        process = subprocess.Popen(worker_command(role, name="watched"), stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def worker(environment: None, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    with running(settings, "light") as process:
        yield process


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
    assert "messages are waiting and no task was taken" in (settings.home / "light.log").read_text()


def test_worker__is_healthy_once_its_encoders_are_loaded(
    environment: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers, and could embed nothing: not healthy. Then the model is put in its place."""
    model, log = tmp_path / "model", settings.home / "embed.log"
    demo = Path(PRESETS["demo"].image_model.removeprefix("local-dir:"))
    monkeypatch.setenv("MEDIACLUSTER_IMAGE_MODEL", f"local-dir:{model}")
    name = f"embed-watched@{os.uname().nodename}"
    pulse = settings.home / "run" / name
    pulse.parent.mkdir(parents=True)
    pulse.touch()  # of the one before
    with running(settings, "embed"):
        wait_for(lambda: "Not everything is ready for the first batch yet" in log.read_text())
        assert str(model) in log.read_text()
        wait_for(lambda: make_worker_app(settings).control.ping(destination=[name], timeout=1))
        # The watch has begun, for it removes what the one before has left; how it goes on: `tests/unit/workers`.
        wait_for(lambda: not pulse.exists())
        # Loading is tried again, in vain for another reason; meanwhile the watch goes on looking.
        model.mkdir()
        shutil.copy(demo / "open_clip_config.json", model)
        wait_for(lambda: log.read_text().count("Not everything is ready for the first batch yet") == 2)
        assert not pulse.exists()
        shutil.rmtree(model)
        model.symlink_to(demo)
        wait_for(pulse.exists)
        assert "The encoders are loaded" in log.read_text()


def test_worker__told_twice_to_end_ends_at_once(
    environment: None, services: Services, settings: Settings, make_jpeg: Callable[..., bytes]
) -> None:
    """The batch that it is at is done again by another: its rows are as they were, but for the attempt."""
    open_active_space(services)
    media_id = accept_picture(services, make_jpeg(1), MediaText(), source="test").media_id
    with running(settings, "embed") as process, services.database.transaction() as holding:
        # Recording waits for this transaction.
        holding.execute(sa.text("LOCK TABLE embedding IN SHARE ROW EXCLUSIVE MODE"))
        services.doorbell.ring(Work.EMBED)
        wait_for(lambda: _waits_for_a_lock(services))
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: "A second SIGTERM ends this worker" in (settings.home / "embed.log").read_text())
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == EXIT_STATUS
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        assert (media.status, media.attempts) == ("pending", 1)


def _waits_for_a_lock(services: Services) -> bool:
    with services.database.transaction() as session:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST('embedding' AS regclass)"
        return bool(session.execute(sa.text(waiting)).scalar_one())


# A real clock, whose schedule stands still.
_STILL = "import sys, celery.beat; celery.beat.Scheduler.tick = lambda *_, **__: 1.0; from celery.__main__ import main; main()"


def test_clock__that_rings_no_more_ends_itself(
    environment: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIACLUSTER_SWEEP_INTERVAL_SECONDS", "1")
    settings.home.mkdir(parents=True)
    log = tmp_path / "beat.log"
    command = [sys.executable, "-c", _STILL, *worker_command("beat")[3:]]
    with log.open("wb") as written, subprocess.Popen(command, stdout=written, stderr=written) as process:
        try:
            assert process.wait(PATIENCE_SECONDS) == EXIT_STATUS
        finally:
            process.kill()
    assert "This process exits to be restarted" in log.read_text()


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


def test_workers__end_with_the_command_that_started_them_even_if_it_is_killed(
    environment: None, settings: Settings, tmp_path: Path
) -> None:
    log, host = tmp_path / "up.log", os.uname().nodename
    command = [sys.executable, "-m", "backend.cli", "up", "--port", "0"]
    with log.open("wb") as written, subprocess.Popen(command, stdout=written, stderr=written) as up:
        started: list[psutil.Process] = []
        try:
            for role in ("embed", "light"):
                wait_for((settings.home / "run" / f"{role}-{up.pid}@{host}").exists)
            wait_for(lambda: list((settings.home / "run").glob("beat-*")))
            started = psutil.Process(up.pid).children(recursive=True)
            # Workers, the clock, the embedding process, and decoders of it and of the server.
            assert len(started) > 4
        finally:
            up.kill()
        try:
            wait_for(lambda: not any(is_alive(process.pid) for process in started), seconds=30)
        finally:
            for process in filter(psutil.Process.is_running, started):
                process.kill()
    assert f"the command that started it ({up.pid}) has died" in (settings.home / "logs" / "embed.log").read_text()
