"""The servers of a test run. They lose everything when the machine stops, and are faster for it."""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.embedded import start_postgres, start_redis, status_postgres, stop_servers

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 * 1024**3  # the databases of a few tests and the write-ahead log; containers often have 64 MB there

# Nothing waits for a disk: neither commits, nor the checkpoints that come with each database that is made or dropped.
_FORGETFUL = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "128MB",
}


_PREFIX = "mediacluster-tests-"
_OWNER = "owner"  # a file in each home, locked while the process lives that made it


@contextmanager
def forgetful_servers() -> Iterator[Path]:
    """A new home whose Postgres and Redis run, in memory where there is room. It goes with its servers."""
    for folder in {_MEMORY, Path(tempfile.gettempdir())}:
        end_orphans(folder)
    home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_MEMORY if _has_room() else None))
    with _owning(home):
        # Postgres may run as another account, which has to reach the folder.
        home.chmod(0o755)
        start_postgres(home, _FORGETFUL)
        start_redis(home)
        yield home
        _end(home)


def end_orphans(folder: Path) -> None:
    """End the servers below `folder` whose test run was killed, and remove their homes."""
    for home in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError), (home / _OWNER).open() as owner:  # no such file: it is being made, or it goes
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end(home)


@contextmanager
def _owning(home: Path) -> Iterator[None]:
    """Hold the lock of the owner. The file gets its name when it is locked, so that nobody takes it for an orphan's."""
    unnamed = home / f"{_OWNER}.new"
    with unnamed.open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        unnamed.rename(home / _OWNER)
        yield


def _end(home: Path) -> None:
    """Nothing in there is worth a checkpoint."""
    server = status_postgres(home).pid
    if server is not None:
        os.kill(server, signal.SIGQUIT)
    stop_servers(home)
    shutil.rmtree(home, ignore_errors=True)


def _has_room() -> bool:
    try:
        return shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    except OSError:
        return False
