"""The workflows name things that exist. No runner is here: the files are read."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PRE_COMMIT = ROOT / ".pre-commit-config.yaml"
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _load(path: Path) -> dict[Any, Any]:
    loaded = yaml.safe_load(path.read_text())
    assert isinstance(loaded, dict)
    return loaded


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in _load(path)["jobs"].items():
            yield f"{path.stem}/{name}", job


JOBS = dict(_jobs())
COMMANDS = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]


def _missing(command: str) -> list[str]:
    """Targets, scripts and tests that a command names and that do not exist."""
    targets = re.findall(r"\bmake ([\w-]+)", command)
    paths = re.findall(r"\b((?:scripts|tests)/[\w./-]+)", command)
    return [name for name in targets if name not in TARGETS] + [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow__has_what_runners_require(path: Path) -> None:
    workflow = _load(path)
    assert workflow["name"]
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert job["timeout-minutes"] <= 90
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])
        assert job["steps"][0]["uses"].startswith("actions/checkout@")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands__name_targets_and_scripts_that_exist(command: str) -> None:
    assert _missing(command) == []


def test_missing__finds_what_does_not_exist() -> None:
    assert _missing("make fly && bash scripts/fly.sh tests/flying") == ["fly", "scripts/fly.sh", "tests/flying"]


def test_versions__are_those_that_the_project_supports() -> None:
    pythons = JOBS["tests/python"]["strategy"]["matrix"]["python"]
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert pythons[0] == least
    assert JOBS["tests/postgres"]["strategy"]["matrix"]["postgres"] == ["15", "16", "17", "18"]


def test_postgres__is_the_server_that_the_tests_are_given() -> None:
    job = JOBS["tests/postgres"]
    password = job["services"]["postgres"]["env"]["POSTGRES_PASSWORD"]
    assert job["services"]["postgres"]["ports"] == ["5432:5432"]
    assert job["env"]["TEST_DATABASE_URL"] == f"postgresql://postgres:{password}@127.0.0.1:5432/postgres"
    assert "TEST_DATABASE_URL" in (ROOT / "tests/conftest.py").read_text()


def test_hooks__call_pinned_tools_and_scripts() -> None:
    pins = (ROOT / "requirements.txt").read_text()
    packages = {"lint-imports": "import-linter"}
    for repo in _load(PRE_COMMIT)["repos"]:
        assert repo["repo"] == "local"
        for hook in repo["hooks"]:
            assert hook["language"] == "system"
            program, _, rest = hook["entry"].partition(" ")
            if program == "bash":
                assert (ROOT / rest).is_file()
            else:
                tool = program.removeprefix(".venv/bin/")
                assert re.search(rf"^{packages.get(tool, tool)}==", pins, re.MULTILINE), hook["entry"]
