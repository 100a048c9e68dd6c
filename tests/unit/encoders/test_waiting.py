"""Threads of torch that wait for one another: not for long on a core that somebody else could use."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Loads OpenMP alone, since importing all of torch takes seconds. Its wheels for Linux bring it under this name.
_LOAD = "import ctypes, sys; import backend; ctypes.CDLL(sys.argv[1])"


@pytest.mark.parametrize(
    ("asked_for", "turns"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "30000000000")],
    ids=["by themselves", "turns", "policy"],
)
def test_waiting_threads__spin_for_a_thousand_turns__unless_somebody_says_otherwise(
    asked_for: dict[str, str], turns: str
) -> None:
    """Asked of OpenMP itself, which prints its settings."""
    torch = importlib.util.find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    library = next((Path(torch.origin).parent / "lib").glob("libgomp*"), None)
    if library is None:
        pytest.skip("torch computes with another OpenMP than GNU's")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    told = subprocess.run(
        [sys.executable, "-c", _LOAD, str(library)],
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"} | asked_for,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert f"GOMP_SPINCOUNT = '{turns}'" in told
