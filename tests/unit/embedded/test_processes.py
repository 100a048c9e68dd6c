import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from backend.embedded.processes import end, find_servers, is_server, last_lines, read_pid, rotate
from tests.support.clock import NotedClock
from tests.support.waiting import wait_for

NAMES = frozenset({"sleep"})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as process:
        wait_for(lambda: psutil.Process(process.pid).name() == "sleep")  # between fork and exec it has our name
        yield process
        process.kill()


def test_find_servers__by_name_and_folder(tmp_path: Path, server: subprocess.Popen[bytes]) -> None:
    assert [process.pid for process in find_servers(tmp_path, NAMES)] == [server.pid]
    assert is_server(server.pid, tmp_path, NAMES)
    assert find_servers(tmp_path.parent, NAMES) == []
    assert find_servers(tmp_path, frozenset({"postgres"})) == []
    assert not is_server(os.getpid(), tmp_path, NAMES)
    assert not is_server(None, tmp_path, NAMES)


def test_end__kills_what_does_not_end_and_zombies_count_as_dead(
    tmp_path: Path, server: subprocess.Popen[bytes]
) -> None:
    clock = NotedClock()
    end(find_servers(tmp_path, NAMES), patience_seconds=0.1, clock=clock)
    assert psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE  # nobody has reaped it yet
    assert sum(clock.slept) < 5
    assert find_servers(tmp_path, NAMES) == []
    assert server.wait() == -9


@pytest.mark.parametrize(("text", "pid"), [("12\nmore\n", 12), ("", None), ("twelve", None)])
def test_read_pid(tmp_path: Path, text: str, pid: int | None) -> None:
    (tmp_path / "pid").write_text(text)
    assert read_pid(tmp_path / "pid") == pid
    assert read_pid(tmp_path / "none") is None


def test_last_lines__only_what_was_written_since(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == "(no log was written)"
    log.write_text("old\n")
    assert last_lines(log, since_bytes=4) == "(nothing was written to the log)"
    with log.open("a") as stream:
        stream.writelines(f"line {number}\n" for number in range(30))
    assert last_lines(log, since_bytes=4, lines=2) == "line 28\nline 29"
    assert "old" not in last_lines(log, since_bytes=4, lines=100)


def test_rotate__keeps_one_older_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("short\n")
    rotate(log)
    assert log.exists()
    log.write_text("x" * (10 * 1024 * 1024 + 1))
    rotate(log)
    assert not log.exists()
    assert (tmp_path / "log.1").stat().st_size == 10 * 1024 * 1024 + 1
