import os
from pathlib import Path

import pytest

from backend.embedded.sockets import socket_folder
from backend.errors import ConfigurationError

LONG = "long" * 30


@pytest.fixture
def short(tmp_path: Path) -> Path:
    folder = socket_folder(tmp_path / LONG, "s", os.geteuid())
    folder.rmdir()
    return folder


def test_socket_folder__short_path_is_the_folder_itself(tmp_path: Path) -> None:
    assert socket_folder(Path("/srv/home"), "redis.sock", os.geteuid()) == Path("/srv/home")


def test_socket_folder__long_path_is_private_and_stable(tmp_path: Path, short: Path) -> None:
    again = socket_folder(tmp_path / LONG, "s", os.geteuid())
    assert again == short != tmp_path / LONG
    assert len(os.fsencode(again / ".s.PGSQL.5432")) < 100
    assert again.stat().st_mode & 0o777 == 0o700
    assert socket_folder(tmp_path / LONG, "s", os.geteuid()) == again
    again.rmdir()


def test_socket_folder__differs_by_home(tmp_path: Path) -> None:
    folders = [socket_folder(tmp_path / LONG / name, "s", os.geteuid()) for name in "ab"]
    assert folders[0] != folders[1]
    for folder in folders:
        folder.rmdir()


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
