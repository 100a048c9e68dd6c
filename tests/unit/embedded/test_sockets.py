import os
from pathlib import Path

import pytest

from backend.embedded.sockets import make_socket_folder, remove_socket_folder, socket_folder
from backend.errors import ConfigurationError

LONG = "long" * 30


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return socket_folder(tmp_path / LONG, "s", os.geteuid())


def test_socket_folder__short_path_is_the_folder_itself() -> None:
    assert socket_folder(Path("/srv/home"), "redis.sock", os.geteuid()) == Path("/srv/home")


def test_make_socket_folder__long_path_is_private_and_stable(tmp_path: Path, short: Path) -> None:
    assert not short.exists()
    assert make_socket_folder(tmp_path / LONG, "s", os.geteuid()) == short != tmp_path / LONG
    assert len(os.fsencode(short / ".s.PGSQL.5432")) < 100
    assert short.stat().st_mode & 0o777 == 0o700
    assert make_socket_folder(tmp_path / LONG, "s", os.geteuid()) == short
    remove_socket_folder(short, tmp_path / LONG)
    assert not short.exists()


def test_socket_folder__differs_by_home(tmp_path: Path) -> None:
    folders = {socket_folder(tmp_path / LONG / name, "s", os.geteuid()) for name in "ab"}
    assert len(folders) == 2


def test_socket_folder__open_to_others(tmp_path: Path, short: Path) -> None:
    short.mkdir()
    short.chmod(0o777)
    with pytest.raises(ConfigurationError, match="MEDIACLUSTER_HOME"):
        socket_folder(tmp_path / LONG, "s", os.geteuid())
    short.rmdir()


def test_socket_folder__link_laid_by_somebody(tmp_path: Path, short: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    short.symlink_to(tmp_path / "theirs")
    with pytest.raises(ConfigurationError, match="not a private folder"):
        socket_folder(tmp_path / LONG, "s", os.geteuid())
    short.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_socket_folder__of_another_owner(tmp_path: Path, short: Path) -> None:
    short.mkdir(mode=0o700)
    os.chown(short, 12345, -1)
    with pytest.raises(ConfigurationError, match="not a private folder"):
        socket_folder(tmp_path / LONG, "s", os.geteuid())
    short.rmdir()
