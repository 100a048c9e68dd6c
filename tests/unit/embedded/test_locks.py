import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.embedded.locks import exclusive
from backend.errors import BackendUnavailable
from tests.support.clock import SetClock

_HOLDER = """
import sys, time
from pathlib import Path
from backend.embedded.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_exclusive__waits_until_the_holder_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", _HOLDER, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        clock = SetClock()
        with (
            pytest.raises(BackendUnavailable, match=r"has held .*lock for more than 60 seconds"),
            exclusive(lock, patience_seconds=60, clock=clock),
        ):
            pass
        assert sum(clock.slept) == pytest.approx(60)
        holder.kill()
        holder.wait()
        with exclusive(lock, patience_seconds=5):
            pass


def test_exclusive__is_free_again_after_an_error(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), exclusive(lock):
        raise ZeroDivisionError
    with exclusive(lock, patience_seconds=0.0):
        assert lock.exists()


def test_exclusive__does_not_leak_into_children(tmp_path: Path) -> None:
    """A server started under the lock must not keep it."""
    lock = tmp_path / "lock"
    with exclusive(lock):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with exclusive(lock, patience_seconds=0.0):
            assert os.getpgid(child.pid)
    finally:
        child.kill()
        child.wait()
