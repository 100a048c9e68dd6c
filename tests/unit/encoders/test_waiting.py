"""Threads of torch that wait for one another: not for long on a core that somebody else could use."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("asked_for", "turns"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "30000000000")],
    ids=["by themselves", "turns", "policy"],
)
def test_waiting_threads__spin_for_a_thousand_turns__unless_somebody_says_otherwise(
    asked_for: dict[str, str], turns: str
) -> None:
    """Asked of OpenMP itself, which tells what it goes by."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    told = subprocess.run(
        [sys.executable, "-c", "import backend, torch"],
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"} | asked_for,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    if "GOMP_" not in told:
        pytest.skip("torch computes with another OpenMP than GNU's")
    assert f"GOMP_SPINCOUNT = '{turns}'" in told
