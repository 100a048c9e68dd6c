"""`mediacluster --version`."""

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from backend.cli import app


def test_version__is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    told = CliRunner().invoke(app, ["--version"])
    assert told.exit_code == 0
    assert told.stdout == f"mediacluster {project['version']}\n"
