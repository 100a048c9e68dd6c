"""The command line in this process: what it prints and how it ends, without the seconds that a new Python takes."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from backend.cli import main
from backend.settings import Settings


def library_environment(settings: Settings) -> dict[str, str]:
    """The variables by which a command finds the library of a test; the home alone where its servers are embedded."""
    servers = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    return {
        "MEDIACLUSTER_HOME": str(settings.home_path),
        "MEDIACLUSTER_VECTOR_SERVICE": settings.vector_service,
        **{name: url.get_secret_value() for name, url in servers.items() if url is not None},
    }


def use_library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands of this process, and of those that it starts, find the library of a test."""
    for name, value in library_environment(settings).items():
        monkeypatch.setenv(name, value)


def run_command(*arguments: str, environment: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `mediacluster` with these arguments in `folder`, where the environment is `environment` alone.

    For commands that print and end. What starts processes or waits for signals needs a process of its own.
    """
    # Some commands write bytes, which a StringIO does not take.
    written, complained = _memory(), _memory()
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["mediacluster", *arguments]),
        chdir(folder),
        redirect_stdout(written),
        redirect_stderr(complained),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return subprocess.CompletedProcess(arguments, code, _told(written), _told(complained))


def _memory() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _told(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
