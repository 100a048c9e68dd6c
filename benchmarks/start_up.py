# ruff: noqa: INP001 - scripts, not a package
"""Startup: time until a fresh process could serve or print, compared with one that also imports the encoders' packages."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.frame import Row

_API: Final = "import backend.web.server, backend.bootstrap, backend.cli.http_server"
_STATUS: Final = "import backend.cli, backend.bootstrap, backend.features.model_change"
_HELP: Final = "import backend.cli"
_ENCODERS: Final = "; import torch, open_clip, sentence_transformers"
_TURNS: Final = 3


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: the best of several runs, which take turns."""
    turns = max(round(_TURNS * scale), 1)
    for what, statement in (("the API", _API), ("status", _STATUS), ("--help", _HELP)):
        ours, theirs = [], []
        for _ in range(turns):
            ours.append(_seconds(statement))
            theirs.append(_seconds(statement + _ENCODERS))
        yield Row(
            what=f"imports of {what}",
            ours=min(ours),
            unit="s",
            better="less",
            against="with the packages of the encoders",
            theirs=min(theirs),
            note=f"the best of {turns}",
        )


def _seconds(statement: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)  # noqa: S603 - our own words
    return time.perf_counter() - begun
