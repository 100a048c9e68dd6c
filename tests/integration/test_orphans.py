"""The servers of a test run that was killed end with the next run."""

import subprocess
import sys
from pathlib import Path

from backend.embedded import status_postgres, status_redis
from tests.support.servers import end_orphans

ROOT = Path(__file__).parents[2]
_RUN = """
from tests.support.servers import forgetful_servers
with forgetful_servers() as home:
    print(home, flush=True)
    input()
"""


def test_end_orphans__those_of_a_killed_run_and_no_others(servers_home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RUN], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        home = Path(run.stdout.readline().strip())
        end_orphans(home.parent)
        assert status_postgres(home).running  # its owner lives
        run.kill()
    end_orphans(home.parent)
    assert not home.exists()
    assert not status_postgres(home).running
    assert status_postgres(servers_home).running
    assert status_redis(servers_home).running
