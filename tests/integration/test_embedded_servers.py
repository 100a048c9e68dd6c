"""The embedded servers for real: started, attached to, killed, cleaned up after."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis
import sqlalchemy
from celery import Celery

from backend.embedded import (
    POSTGRES,
    REDIS,
    ServerKeeper,
    ServerStatus,
    client_url,
    ensure_postgres,
    ensure_redis,
    ensure_servers,
    start_postgres,
    status_postgres,
    status_redis,
    stop_postgres,
    stop_redis,
    stop_servers,
)
from backend.embedded.account import server_account
from backend.embedded.processes import find_servers
from backend.errors import BackendUnavailable, ConfigurationError
from scripts.chaos.pictures import draw_picture
from tests.support.clock import SetClock
from tests.support.processes import is_alive
from tests.support.waiting import PATIENCE_SECONDS, wait_for

ROOT = Path(__file__).parents[2]
SERVER_NAMES = frozenset({"valkey-server", "redis-server"})
_STARTER = """
import dataclasses, json, signal, sys, time
from pathlib import Path
# Where the tests themselves run in the background of a shell, SIGINT would be ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from backend.embedded import ensure_servers
print(json.dumps(dataclasses.asdict(ensure_servers(Path(sys.argv[1])))), flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def new_home() -> Iterator[Callable[[str], Path]]:
    """Makes homes; their servers end with the test.

    Not under tmp_path: each start of pytest takes the rights to its parent away from the account of the server.
    """
    homes: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="embedded-") as folder:

        def make(name: str) -> Path:
            homes.append(Path(folder) / name)
            return homes[-1]

        yield make
        for home in homes:
            stop_servers(home)


@pytest.fixture
def home(new_home: Callable[[str], Path]) -> Path:
    return new_home("home")


def _hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _starter(home: Path, linger_seconds: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _STARTER, str(home), str(linger_seconds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _pid(status: Callable[[Path], object], home: Path) -> int:
    found = status(home)
    pid = getattr(found, "pid", None)
    assert isinstance(pid, int), found
    return pid


def _is_replaced(status: Callable[[Path], ServerStatus], home: Path, killed: int) -> bool:
    return status(home).pid not in {None, killed}


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), every_seconds=0.01)


def test_ensure_servers__second_start_attaches_and_stop_ends_both(home: Path) -> None:
    first = ensure_servers(home)
    postmaster = _pid(status_postgres, home)
    second = ensure_servers(home)

    assert (first.started_postgres, first.started_redis) == (True, True)
    assert (second.started_postgres, second.started_redis) == (False, False)
    assert (second.database_url, second.redis_url) == (first.database_url, first.redis_url)
    assert _pid(status_postgres, home) == postmaster
    assert status_redis(home).url == first.redis_url

    stopped = stop_servers(home)
    assert (stopped.postgres, stopped.redis) == (True, True)
    stopped = stop_servers(home)
    assert (stopped.postgres, stopped.redis) == (False, False)
    assert not status_postgres(home).running
    assert not status_redis(home).running
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first.database_url)


def test_ensure_postgres__pgvector_and_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6000")  # somebody's own; neither the server nor the URL may follow it
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    url = ensure_postgres(home)

    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE EXTENSION vector"))
        version = connection.execute(
            sqlalchemy.text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        ).scalar_one()
        settings = {row.name: row.setting for row in connection.execute(sqlalchemy.text("TABLE pg_settings"))}
        encoding = connection.execute(
            sqlalchemy.text(
                "SELECT datname, pg_encoding_to_char(encoding), datlocale FROM pg_database"
                " WHERE datname = current_database()"
            )
        ).one()
    engine.dispose()

    assert tuple(int(part) for part in version.split(".")) >= (0, 8, 4)
    assert tuple(encoding) == ("mediacluster", "UTF8", "C.UTF-8")
    assert settings["fsync"] == "on"
    assert settings["listen_addresses"] == ""
    assert settings["max_connections"] == "100"
    assert settings["jit"] == "off"
    assert settings["data_checksums"] == "on"
    # A word of a document that Postgres refuses is in no log.
    with psycopg.connect(url) as connection, pytest.raises(psycopg.DataError):
        connection.execute("SELECT CAST(%s AS jsonb)", ['{"title": "she wrote \\u0000"}'])
    log = next(home.rglob("postgres.log")).read_text()
    assert "unsupported Unicode escape sequence" in log
    assert "she wrote" not in log


def test_ensure_servers__eight_processes_at_once_start_one(home: Path) -> None:
    starters = [_starter(home) for _ in range(8)]
    answers = [json.loads(starter.communicate(timeout=PATIENCE_SECONDS)[0]) for starter in starters]

    assert [starter.returncode for starter in starters] == [0] * 8
    assert sum(answer["started_postgres"] for answer in answers) == 1
    assert sum(answer["started_redis"] for answer in answers) == 1
    assert len({(answer["database_url"], answer["redis_url"]) for answer in answers}) == 1
    servers = find_servers(home / "postgres", frozenset({"postgres"}))
    pids = {server.pid for server in servers}
    assert [server.pid for server in servers if server.ppid() not in pids] == [_pid(status_postgres, home)]
    assert len(find_servers(home / "redis", SERVER_NAMES)) == 1


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_ensure_servers__outlive_their_starter(home: Path, signal_number: signal.Signals) -> None:
    starter = _starter(home, linger_seconds=60)
    assert starter.stdout is not None
    answer = json.loads(starter.stdout.readline())

    os.killpg(starter.pid, signal_number)  # what a terminal does at Ctrl-C, and worse
    starter.communicate(timeout=PATIENCE_SECONDS)

    with psycopg.connect(answer["database_url"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with redis.Redis.from_url(client_url(answer["redis_url"])) as client:
        assert client.ping()


def test_ensure_servers__kill_9_loses_nothing_committed(home: Path) -> None:
    url = ensure_servers(home).database_url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    busy = psycopg.connect(url)
    busy.execute("INSERT INTO kept VALUES (-1)")
    psutil.Process(busy.info.backend_pid).suspend()  # a backend that is in the middle of something outlives its server
    killed = (_pid(status_postgres, home), _pid(status_redis, home))

    for pid in killed:
        _kill(pid)
    again = ensure_servers(home)

    assert (again.started_postgres, again.started_redis) == (True, True)
    assert {_pid(status_postgres, home), _pid(status_redis, home)}.isdisjoint(killed)
    with psycopg.connect(again.database_url) as connection:
        assert connection.execute("SELECT count(*), min(number) FROM kept").fetchone() == (1000, 1)
    with redis.Redis.from_url(client_url(again.redis_url)) as client:
        assert client.ping()
    busy.close()


def test_ensure_servers__starter_killed_while_it_lays_out(home: Path) -> None:
    starter = _starter(home)
    wait_for(lambda: list(home.glob(".postgres-*/PG_VERSION")), every_seconds=0.005)
    starter.kill()
    starter.communicate()
    assert not (home / "postgres").exists()

    with psycopg.connect(ensure_postgres(home)) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("mediacluster",)
    assert not list(home.glob(".postgres-*"))


def test_ensure_postgres__stale_pid_file_names_a_living_process(home: Path) -> None:
    ensure_postgres(home)
    data = home / "postgres"
    lines = (data / "postmaster.pid").read_text().splitlines(keepends=True)
    _kill(_pid(status_postgres, home))
    stranger = subprocess.Popen(["sleep", "60"], **server_account(data).process_options())
    try:
        (data / "postmaster.pid").write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
        (data / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n")
        assert not status_postgres(home).running
        assert not stop_postgres(home)

        assert start_postgres(home).started
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_ensure_redis__stale_pid_file_names_a_living_process(home: Path) -> None:
    ensure_redis(home)
    _kill(_pid(status_redis, home))
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (home / "redis" / "redis.pid").write_text(f"{stranger.pid}\n")
        assert not status_redis(home).running
        assert not stop_redis(home)

        ensure_redis(home)
        assert status_redis(home).running
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_ensure_servers__sockets_removed_under_the_servers(home: Path) -> None:
    with psycopg.connect(ensure_servers(home).database_url) as connection:
        connection.execute("CREATE TABLE kept ()")
    (home / "postgres" / ".s.PGSQL.5432").unlink()
    (home / "redis" / "redis.sock").unlink()

    with psycopg.connect(ensure_servers(home).database_url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert status_redis(home).running
    assert len(find_servers(home / "redis", SERVER_NAMES)) == 1


@pytest.mark.parametrize("name", ["home with spaces", "a,comma", "do$llar `tick` \"quote'", "deep/" + "long" * 30])
def test_ensure_servers__awkward_paths(new_home: Callable[[str], Path], name: str) -> None:
    home = new_home(name)
    servers = ensure_servers(home)

    engine = sqlalchemy.create_engine(servers.database_url.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar_one() == 1
    engine.dispose()
    with redis.Redis.from_url(client_url(servers.redis_url)) as client:
        assert client.ping()
    assert status_postgres(home).url == servers.database_url

    stop_servers(home)
    assert not list(Path("/tmp").glob(f"mediacluster-*-{_hash(home / 'postgres' / '.s.PGSQL.5432')}"))
    assert not list(Path("/tmp").glob(f"mediacluster-*-{_hash(home / 'redis' / 'redis.sock')}"))


def test_ensure_postgres__other_version(home: Path) -> None:
    ensure_postgres(home)
    stop_postgres(home)
    (home / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ConfigurationError, match=r"made by Postgres 17.* is Postgres 18.*Dump it"):
        ensure_postgres(home)


def test_ensure_postgres__failure_shows_the_log(home: Path) -> None:
    ensure_postgres(home)
    stop_postgres(home)
    (home / "postgres" / "global" / "pg_control").rename(home / "pg_control")
    with pytest.raises(BackendUnavailable, match=r"does not start[\s\S]*pg_control[\s\S]*DATABASE_URL") as caught:
        ensure_postgres(home)
    assert "ready to accept connections" not in caught.value.detail  # that was in the log before

    (home / "pg_control").rename(home / "postgres" / "global" / "pg_control")
    ensure_postgres(home)


def test_ensure_redis__failure_shows_the_log(home: Path) -> None:
    (home / "redis" / "redis.sock" / "in the way").mkdir(parents=True)
    with pytest.raises(BackendUnavailable, match=r"does not start[\s\S]*[Uu]nix socket"):
        ensure_redis(home)


def test_ensure_redis__celery_sends_through_it(home: Path) -> None:
    url = ensure_redis(home)
    with Celery(broker=url) as app:
        app.send_task("ring", queue="doorbell")
    with redis.Redis.from_url(client_url(url)) as client:
        assert client.llen("doorbell") == 1


# --- kept alive ----------------------------------------------------------------------------------------------


def test_keeper__starts_what_was_killed_and_says_that_it_did(home: Path) -> None:
    url = ensure_servers(home).database_url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    gave_up = threading.Event()
    for server, status in ((POSTGRES, status_postgres), (REDIS, status_redis)):
        with ServerKeeper(server, home, on_give_up=gave_up.set) as keeper:
            assert not keeper.started
            killed = _pid(status, home)
            _kill(killed)
            wait_for(partial(_is_replaced, status, home, killed))
        assert keeper.started
        assert keeper.error is None
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
    assert not gave_up.is_set()


def test_keeper__gives_up_on_a_damaged_data_folder(home: Path) -> None:
    """Each start fails for real; only the pauses between them are not waited for."""
    clock = SetClock()
    gave_up = threading.Event()
    with ServerKeeper(POSTGRES, home, on_give_up=gave_up.set, clock=clock) as keeper:
        (home / "postgres" / "global" / "pg_control").rename(home / "pg_control")
        _kill(_pid(status_postgres, home))
        begun = clock.monotonic()
        assert gave_up.wait(PATIENCE_SECONDS)
        assert 60 < clock.monotonic() - begun < 120
    assert isinstance(keeper.error, BackendUnavailable)
    assert "8 starts in a row did not help" in keeper.error.detail
    assert "pg_control" in keeper.error.detail
    assert "full disk" in str(keeper.error.hint)
    (home / "pg_control").rename(home / "postgres" / "global" / "pg_control")
    ensure_postgres(home)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(home: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`mediacluster up` with both embedded servers, once it serves."""
    home.mkdir()
    home.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    environment = own | {"MEDIACLUSTER_HOME": str(home), "MEDIACLUSTER_PRESET": "demo", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "backend.cli", "up", "--port", str(_free_port())]
    with (tmp_path / "up.log").open("wb") as log:
        started = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: "Uvicorn running on http" in (tmp_path / "up.log").read_text() or started.poll() is not None)
        assert started.poll() is None, (tmp_path / "up.log").read_text()
        yield started
    finally:
        started.terminate()
        started.wait(PATIENCE_SECONDS)


def test_up__starts_its_servers_again_and_stops_them_at_its_end(
    up: subprocess.Popen[bytes], home: Path, tmp_path: Path
) -> None:
    address = next(word for word in (tmp_path / "up.log").read_text().split() if word.startswith("http")).removesuffix(
        "/docs"
    )
    killed = (_pid(status_postgres, home), _pid(status_redis, home))
    for pid in killed:
        _kill(pid)
    wait_for(lambda: status_postgres(home).running and status_redis(home).running)

    def is_taken() -> bool:
        assert up.poll() is None, (tmp_path / "up.log").read_text()
        with suppress(httpx.HTTPError):
            return httpx.post(f"{address}/media", files={"file": ("a.jpg", draw_picture(1, 1))}).is_success
        return False

    wait_for(is_taken)
    with psycopg.connect(str(status_postgres(home).url)) as connection:
        connection.autocommit = True
        wait_for(lambda: connection.execute("SELECT status FROM media").fetchall() == [("ready",)])
    up.terminate()
    assert up.wait(PATIENCE_SECONDS) == 0
    assert not status_postgres(home).running
    assert not status_redis(home).running


def test_up__ends_with_a_sentence_when_a_server_cannot_start_again(
    up: subprocess.Popen[bytes], home: Path, tmp_path: Path
) -> None:
    (home / "postgres" / "PG_VERSION").write_text("17\n")
    _kill(_pid(status_postgres, home))
    assert up.wait(PATIENCE_SECONDS) == 1
    told = (tmp_path / "up.log").read_text()
    assert "configuration_error: " in told
    assert "Postgres 17" in told
    assert "Traceback" not in told
    assert not status_redis(home).running
