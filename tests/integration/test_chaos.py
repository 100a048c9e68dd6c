"""The short form of `make chaos`: each kind of fault once, while clients upload over HTTP."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from scripts.chaos.faults import FAULTS, make_schedule

ROOT = Path(__file__).parents[2]


def test_chaos__each_fault_once_and_the_history_holds(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "scripts.chaos", "--uploads", "80", "--seed", "5", "--light", "1", "--quick"]
    # On a busy machine, the imports of a restarted worker alone take long.
    command += ["--recover", "240", "--report", str(report)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(report.read_text())
    assert told["violations"] == []
    assert told["faults"] == dict.fromkeys(make_schedule(5, len(FAULTS)), 1)
    assert (sum(told["media"].values()), told["pictures"]) == (80, 80)
    assert told["replayed"] == told["media"]["ready"]


def test_schedule__follows_from_the_seed_and_has_each_kind() -> None:
    assert make_schedule(3, 25) == make_schedule(3, 25) != make_schedule(4, 25)
    assert set(make_schedule(3, len(FAULTS))) == set(FAULTS)


def test_schedule__of_some_kinds() -> None:
    some = ("restart_broker", "replace_one_by_one")
    assert Counter(make_schedule(3, 6, some)) == dict.fromkeys(some, 3)


def test_chaos__a_fault_that_there_is_not_is_refused_before_anything_starts() -> None:
    command = [sys.executable, "-m", "scripts.chaos", "--only", "flush_broker,flood"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 2
    assert "restart_broker" in run.stderr
