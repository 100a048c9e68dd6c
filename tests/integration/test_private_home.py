"""The home, and what is in it, is for its owner alone from the first moment."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.bootstrap import build_services, open_storage
from backend.features.intake import accept_picture
from backend.features.operations.diagnosis import check_home
from backend.files.storage import FolderStore
from backend.files.text import MediaText
from backend.settings import Settings
from backend.supervision import Supervisor


@pytest.fixture(autouse=True)
def usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_home__is_closed_from_the_first_moment(settings: Settings, make_jpeg: Callable[..., bytes]) -> None:
    home = settings.home_path
    assert not home.exists()
    open_storage(settings)
    assert mode_of(home) == 0o700
    services = build_services(settings)
    try:
        accept_picture(services, make_jpeg(1), MediaText(), source="upload")
        with Supervisor(home, roles=()):
            pass
        made = [path for path in home.rglob("*") if not path.is_symlink()]
        assert any(path.is_file() for path in made)
        assert {path for path in made if mode_of(path) & 0o077} == set()
        assert check_home(services).ok
        home.chmod(0o755)
        finding = check_home(services)
        assert not finding.ok
        assert finding.hint is not None
        assert f"chmod go-rw,o-x {home}" in finding.hint
    finally:
        services.database.dispose()


@pytest.mark.parametrize(
    ("mode", "folders", "files"), [(0o755, 0o755, 0o644), (0o750, 0o750, 0o640), (0o710, 0o700, 0o600)]
)
def test_storage__is_as_open_as_the_folder_it_is_in(tmp_path: Path, mode: int, folders: int, files: int) -> None:
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(mode)
    FolderStore(root).write("a/b/c.jpg", b"x")
    assert [mode_of(root / part) for part in ("a", "a/b", "a/b/c.jpg")] == [folders, folders, files]


_COMMAND = """
from backend.cli import application
from backend.settings import Settings
def app():
    home = Settings(home=HOME).make_home()
    (home / "logs").mkdir()
    (home / "logs" / "api.log").touch()
application.app = app
application.main()
"""
_WORKER = """
import workers.celery_app
from backend.settings import Settings
home = Settings(home=HOME).make_home()
(home / "logs").mkdir()
(home / "logs" / "api.log").touch()
"""


@pytest.mark.parametrize("program", [_COMMAND, _WORKER], ids=["command", "worker"])
@pytest.mark.parametrize(
    ("mask", "folders", "files"),
    [(0, 0o755, 0o644), (0o002, 0o775, 0o664), (0o055, 0o700, 0o600), (0o077, 0o700, 0o600)],
)
def test_nobody_else_writes_whatever_the_umask(
    tmp_path: Path, program: str, mask: int, folders: int, files: int
) -> None:
    home = tmp_path / "a" / "b" / "home"
    environ = {
        **os.environ, "MEDIACLUSTER_HOME": str(home),
        "REDIS_URL": "redis://127.0.0.1:9/0", "DATABASE_URL": "postgresql://127.0.0.1:9/a",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", program.replace("HOME", repr(str(home)))], env=environ, umask=mask, check=True
    )
    assert mode_of(home) == 0o700
    assert {mode_of(home.parent), mode_of(home.parent.parent), mode_of(home / "logs")} == {folders}
    assert mode_of(home / "logs" / "api.log") == files
