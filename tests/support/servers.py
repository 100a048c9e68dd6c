"""The servers of a test run. They lose everything when the machine stops, and are faster for it."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def forgetful_servers() -> Iterator[Path]:
    """A new home whose Postgres and Redis run, in memory where there is room. It goes with its servers."""
    home = Path(tempfile.mkdtemp(prefix="mediacluster-tests-", dir=_MEMORY if _has_room() else None))
    # Postgres may run as another account, which has to reach the folder.
    home.chmod(0o755)
    start_postgres(home, _FORGETFUL)
    start_redis(home)
    yield home
    # Nothing in there is worth a checkpoint.
    os.kill(status_postgres(home).pid or 0, signal.SIGQUIT)
    stop_servers(home)
    shutil.rmtree(home, ignore_errors=True)


def _has_room() -> bool:
    try:
        return shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    except OSError:
        return False
