"""Real worker processes: two of them end where one does, and killing everything in the middle loses nothing."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from PIL import Image, ImageEnhance

from backend.demo.gallery import render_gallery
from backend.embedded import status_postgres, status_redis, stop_servers
from backend.encoders import default_threshold
from backend.errors import MediaclusterError
from backend.features.intake import accept_picture
from backend.features.integrity import audit
from backend.features.services import Services
from backend.files.text import MediaText
from backend.rules.grouping import group_in_order
from backend.settings import Settings
from backend.store.engine import Database
from backend.store.media import count_media_by_status
from backend.store.schema import MediaStatus
from backend.supervision import Supervisor, worker_command
from tests.support.command_line import library_environment
from tests.support.processes import is_alive
from tests.support.waiting import PATIENCE_SECONDS, wait_for

UPLOADS = 1000


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """A thousand different small JPEGs of many kinds of scene."""
    made: list[bytes] = []
    for picture in render_gallery(UPLOADS // 5, seed=901, size=96):
        for step in range(5):
            changed = ImageEnhance.Brightness(picture.image).enhance(0.8 + 0.1 * step)
            buffer = BytesIO()
            changed.save(buffer, "JPEG", quality=85)
            made.append(buffer.getvalue())
    random.Random(3).shuffle(made)
    return made


def environment(settings: Settings) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MEDIACLUSTER_")}
    own |= library_environment(settings) | {"MEDIACLUSTER_PRESET": "demo"}
    own |= {"MEDIACLUSTER_SWEEP_INTERVAL_SECONDS": "1", "MEDIACLUSTER_TORCH_THREADS": "1"}
    # So that the work of the killed is taken up soon.
    own |= {"MEDIACLUSTER_LEASE_SECONDS": "5", "MEDIACLUSTER_ASSIGN_WAIT_SECONDS": "20"}
    return own


@contextmanager
def running(role: str, number: int, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process of its own session, ended with all its children."""
    command = [part.replace(f"{role}-", f"{role}-{number}-") if part.startswith(f"{role}-") else part
               for part in worker_command(role)]  # fmt: skip
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / f"{role}-{number}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment(settings), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield process
    finally:
        kill_group(process.pid)
        process.wait()


def kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def wait_until_settled(database: Database, count: int) -> None:
    def is_settled() -> bool:
        with database.transaction() as session:
            by_status = count_media_by_status(session)
        return by_status[MediaStatus.READY] + by_status[MediaStatus.FAILED] == count

    wait_for(is_settled, every_seconds=0.2)


def partition(services: Services) -> list[int]:
    """Groups of the pictures in upload order, numbered by first appearance."""
    with services.database.transaction() as session:
        clusters = session.execute(
            sa.text("SELECT cluster_id FROM media JOIN membership ON media_id = media.id ORDER BY upload_seq")
        ).scalars()
        numbers: dict[int, int] = {}
        return [numbers.setdefault(cluster_id, len(numbers)) for cluster_id in clusters]


def test_two_workers_and_a_thousand_uploads__the_clusters_of_one(services: Services, pictures: list[bytes]) -> None:
    """Uploads go on while they work. One worker after the other would do what the rule does, picture after picture."""
    assert len(set(pictures)) == UPLOADS
    roles = [(role, number) for role in ("embed", "light") for number in range(2)] + [("beat", 0)]
    with ExitStack() as stack:
        for role, number in roles:
            stack.enter_context(running(role, number, services.settings))
        for picture in pictures:
            accept_picture(services, picture, MediaText(), source="test")
        wait_until_settled(services.database, len(pictures))
    assert audit(services.database, replay=True).breaches == {}
    images = [Image.open(BytesIO(picture)) for picture in pictures]
    one = group_in_order(services.encoders.image.embed_pictures(images), default_threshold("demo")).tolist()
    assert len(set(one)) > 20
    assert partition(services) == one


@contextmanager
def new_home() -> Iterator[Path]:
    """A home with servers of its own, which a test may kill."""
    folder = Path(tempfile.mkdtemp(prefix="mediacluster-kill-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        kill_everything(folder)
        stop_servers(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    with new_home() as folder:
        yield folder


def kill_everything(home: Path) -> None:
    """SIGKILL whatever runs for this home: commands, workers and servers."""
    # One that is killed last may have started another one meanwhile.
    while started := processes_of(home):
        _kill(started)
    for status in (status_postgres(home), status_redis(home)):
        if status.running and status.pid:
            with suppress(psutil.NoSuchProcess):
                server = psutil.Process(status.pid)
                _kill([server, *server.children(recursive=True)])


def _kill(processes: list[psutil.Process]) -> None:
    """SIGKILL, and wait until none of them runs."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for(lambda: not any(is_alive(process.pid) for process in processes))


@dataclass(frozen=True)
class Resumed:
    """An import that was killed in the middle and started again, with photos beside the first folder.

    `ready` pictures were in their groups before the kill; `report` is what the second command printed.
    """

    folder: Path
    photos: Path
    ready: int
    report: dict[str, Any]
    database: Database


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory, pictures: list[bytes]) -> Iterator[Resumed]:
    folder = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(pictures[:300]):
        (folder / f"{number:04}.jpg").write_bytes(picture)
    photos = write_photos(tmp_path_factory.mktemp("photos"))
    with new_home() as home:
        environ = environment(Settings(home=home, _env_file=None))
        command = [sys.executable, "-m", "backend.cli", "import", "--wait", "--json", str(folder)]
        first = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ready = _wait_for_ready(home, at_least=20)
        kill_everything(home)
        first.wait()
        second = subprocess.run(
            [*command, str(photos)], env=environ, capture_output=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert second.returncode == 0, second.stderr.decode()
        url = status_postgres(home).url
        assert url is not None
        database = Database(url)
        yield Resumed(folder, photos, ready, json.loads(second.stdout), database)
        database.dispose()


def write_photos(folder: Path) -> Path:
    """Real photographs, with one corrupt, one truncated, one renamed text file and one duplicate among them."""
    import skimage.data

    carried = Path(skimage.data.__file__).parent
    names = ["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "hubble_deep_field.jpg", "moon.png"]
    for name in names:
        (folder / name).write_bytes((carried / name).read_bytes())
    (folder / "again.jpg").write_bytes((carried / "rocket.jpg").read_bytes())
    (folder / "cut.png").write_bytes((carried / "coffee.png").read_bytes()[:50_000])
    (folder / "notes.jpg").write_text("These are notes, whatever the name says.")
    damaged = bytearray((carried / "moon.png").read_bytes())
    damaged[5000:5100] = os.urandom(100)
    (folder / "damaged.png").write_bytes(damaged)
    (folder / "coffee.json").write_text(json.dumps({"title": "A cup of <i>coffee</i>", "keywords": ["cup", "table"]}))
    return folder


def test_import__killed_in_the_middle_and_started_again(resumed: Resumed) -> None:
    assert resumed.ready < 300
    assert [failure for failure in resumed.report["failed"] if is_below(resumed.folder, failure)] == []
    new = sum(is_below(resumed.folder, one) for one in resumed.report["media"])
    # Of the photos, six are new and one is there twice: see the next test.
    assert resumed.report["new"] + resumed.report["duplicate"] == 300 + 7
    assert 300 - new == resumed.report["duplicate"] - 1 >= resumed.ready
    wait_until_settled(resumed.database, 306)
    with resumed.database.transaction() as session:
        assert count_media_by_status(session)[MediaStatus.READY] == 306
    assert audit(resumed.database, replay=True).breaches == {}


def test_import__good_and_bad_files_each_counted_and_explained(resumed: Resumed) -> None:
    report = resumed.report
    assert sum(is_below(resumed.photos, one) for one in report["media"]) == 6
    failed = [failure for failure in report["failed"] if is_below(resumed.photos, failure)]
    assert {Path(failure["path"]).name: failure["code"] for failure in failed} == {
        "cut.png": "image_truncated",
        "notes.jpg": "unsupported_format",
        "damaged.png": "image_corrupt",
    }
    assert all(failure["detail"] for failure in failed)
    with resumed.database.transaction() as session:
        title = session.execute(sa.text("SELECT title FROM media WHERE source_uri LIKE '%/coffee.png'")).scalar_one()
    assert title == "A cup of coffee"
    assert audit(resumed.database, replay=True).breaches == {}


def is_below(folder: Path, told: dict[str, str]) -> bool:
    """Whether what the report tells is about a file in this folder."""
    return folder.resolve() in Path(told["path"]).resolve().parents


def _wait_for_ready(home: Path, at_least: int) -> int:
    """Wait until some are ready while the rest is on its way."""

    def count_ready() -> int:
        url = status_postgres(home).url
        if url is None:
            return 0
        database = Database(url)
        try:
            with database.transaction() as session:
                ready = count_media_by_status(session)[MediaStatus.READY]
        except (MediaclusterError, sa.exc.SQLAlchemyError):  # the schema is still being made
            return 0
        finally:
            database.dispose()
        return ready if ready >= at_least else 0

    return wait_for(count_ready, every_seconds=0.1)


def test_demo__once_prints_one_json_object(home: Path, tmp_path: Path) -> None:
    environ = environment(Settings(home=home, _env_file=None)) | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "backend.cli", "demo", "--once", "--json", "--count", "96"]
    run = subprocess.run(command, env=environ, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert run.returncode == 0, run.stderr.decode()
    result = json.loads(run.stdout)
    assert (result["media"], result["ready"], result["failed"], result["audit"]) == (96, 96, 0, "clean")
    assert result["adjusted_rand_index"] >= 0.7
    assert result["text_to_image_recall_at_1"] >= 0.9
    assert result["threshold"] == 0.82
    assert len(result["example"]["recommendations"]) == 3
    for hit in result["example"]["recommendations"]:
        uuid.UUID(hit["media_id"])
        assert hit["combined"] == pytest.approx(0.6 * hit["sim_image"] + 0.4 * (hit["sim_text"] or 0.0), abs=1e-9)
    assert len(list((tmp_path / "cache/mediacluster/gallery").glob("*/*"))) == 96
    # What it started, it has ended.
    assert not status_postgres(home).running
    assert not status_redis(home).running
    assert processes_of(home) == []


def test_processes_of__also_those_that_have_lost_their_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery writes its title over the environment that a process was started with."""
    for name, value in environment(Settings(home=home, _env_file=None)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    with Supervisor(home, ["beat"]) as supervisor:
        beat = psutil.Process(supervisor.pids()["beat"])
        wait_for(lambda: beat.environ().get("MEDIACLUSTER_HOME") != str(home))

        assert beat in processes_of(home)

    assert processes_of(home) == []


def processes_of(home: Path) -> list[psutil.Process]:
    """The commands and workers that run for this home: those that have its name in their environment, or its logs open."""
    return [one for one in psutil.process_iter() if one.pid != os.getpid() and _belongs_to(one, home)]


def _belongs_to(process: psutil.Process, home: Path) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has died, or is another user's
        if process.environ().get("MEDIACLUSTER_HOME") == str(home):
            return is_alive(process.pid)
        return is_alive(process.pid) and any(home in Path(one.path).parents for one in process.open_files())
    return False
