"""The scripts behind `make setup` and `make test`, with a uv, a Python and a browser that are made for the test."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Writes down what it is asked for; its environment has a Python of the version in VERSION.
_UV = """#!/bin/bash
echo "$@" >> {folder}/asked
[ "$1" = venv ] || exit 0
mkdir -p .venv/bin
echo "$PWD/.venv" > .venv/bin/activate
cp {folder}/python .venv/bin/python
"""
_PYTHON = """#!/bin/bash
[ "$1" != --version ] || {{ echo Python 3.{minor}; exit; }}
exec {real} -c "import sys; sys.version_info = (3, {minor}, 0, 'final', 0); exec(sys.argv[1])" "$2"
"""


@dataclass
class Checkout:
    """A folder with the scripts, and a PATH of which nothing is known but the programs of the system."""

    folder: Path
    path: str

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(self, script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", f"scripts/{script}", *arguments],
            cwd=self.folder,
            env={"PATH": f"{self.folder}/bin:{self.path}"} | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def set_up(self, **environ: str) -> list[str]:
        """Each installation that this call asks for, by its torch; one of the project itself comes after each."""
        asked = self.folder / "asked"
        asked.unlink(missing_ok=True)
        done = self.run("setup.sh", **environ)
        assert done.returncode == 0, done.stderr
        lines = asked.read_text().splitlines() if asked.exists() else []
        installed = [line for line in lines if "install" in line and "--no-deps" not in line]
        return [line.partition("--torch-backend ")[2].partition(" ")[0] or "registry" for line in installed]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    programs = tmp_path / "system"
    programs.mkdir()
    for name in ("bash", "cat", "cksum", "cp", "dirname", "echo", "grep", "id", "mkdir", "rm", "sed"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    made = Checkout(tmp_path, str(programs))
    for name in ("setup.sh", "pinned_versions.sh", "run_tests.sh", "ensure_browser.sh"):
        made.write(f"scripts/{name}", (ROOT / "scripts" / name).read_text())
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    made.write("uv", _UV.format(folder=tmp_path))
    made.write("scripts/uv.sh", f"echo {tmp_path}/uv\n")
    made.write("python", _PYTHON.format(minor=12, real=sys.executable))
    return made


def test_setup__keeps_to_the_torch_that_is_there(checkout: Checkout) -> None:
    assert checkout.set_up(TORCH_BACKEND="cpu") == ["cpu"]
    assert checkout.set_up() == []  # as `make test` calls it after `TORCH_BACKEND=cpu make demo`
    assert checkout.set_up(TORCH_BACKEND="cpu") == []
    assert checkout.set_up(TORCH_BACKEND="cu128") == ["cu128"]
    checkout.write("requirements.txt", "# other pins")
    assert checkout.set_up() == ["cu128"]
    assert checkout.set_up(TORCH_BACKEND="") == ["registry"]
    assert checkout.set_up() == []


def test_setup__of_a_folder_that_was_moved_keeps_to_its_torch(checkout: Checkout, tmp_path: Path) -> None:
    assert checkout.set_up(TORCH_BACKEND="cpu") == ["cpu"]
    (tmp_path / ".venv/bin/activate").write_text("/elsewhere/.venv")
    (tmp_path / ".venv/.mediacluster-setup").write_text("/elsewhere\ntorch:cpu\n")
    assert checkout.set_up() == ["cpu"]


def test_setup__a_new_python_without_a_redis_installs_nothing(checkout: Checkout, tmp_path: Path) -> None:
    checkout.write("python", _PYTHON.format(minor=13, real=sys.executable))
    done = checkout.run("setup.sh")
    assert done.returncode == 1
    assert "Python 3.13 has no Redis server" in done.stderr
    assert "Install Python 3.12" in done.stderr
    assert "install" not in (tmp_path / "asked").read_text()
    checkout.write("python", _PYTHON.format(minor=12, real=sys.executable))  # as the message says
    assert checkout.set_up() == ["registry"]


@pytest.mark.parametrize("way", ["redis-server", "valkey-server", "variable", "env_file"])
def test_setup__a_new_python_with_a_redis(checkout: Checkout, way: str) -> None:
    checkout.write("python", _PYTHON.format(minor=14, real=sys.executable))
    if way.endswith("-server"):
        checkout.write(f"bin/{way}", "#!/bin/bash\n")
    if way == "env_file":
        checkout.write(".env", "REDIS_URL=redis://redis.internal\n")
    environ = {"REDIS_URL": "redis://redis.internal"} if way == "variable" else {}
    assert checkout.set_up(**environ) == ["registry"]


@pytest.mark.parametrize("has_browser", [True, False], ids=["browser", "no_browser"])
def test_run_tests__without_a_browser_leaves_its_tests_out_and_says_so(checkout: Checkout, has_browser: bool) -> None:
    checkout.write(".venv/bin/pytest", '#!/bin/bash\nprintf "%s\\n" "$*"; exit 3\n')
    if has_browser:
        checkout.write("bin/chromium", "#!/bin/bash\n")
    done = checkout.run("run_tests.sh", "-k", "one thing")
    assert done.returncode == 3
    assert ("--ignore=tests/e2e" in done.stdout) != has_browser
    assert done.stdout.endswith("-k one thing\n")
    assert done.stderr.count("are left out") == (0 if has_browser else 2)


def test_run_tests__where_a_browser_is_required(checkout: Checkout) -> None:
    checkout.write(".venv/bin/pytest", "#!/bin/bash\necho ran\n")
    done = checkout.run("run_tests.sh", REQUIRE_BROWSER="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "need Chromium or Chrome" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages")
def test_run_tests__as_root_a_browser_is_installed(checkout: Checkout) -> None:
    checkout.write(".venv/bin/pytest", "#!/bin/bash\necho ran\n")
    checkout.write("bin/apt-get", "#!/bin/bash\nexit 100\n")
    assert "are left out" in checkout.run("run_tests.sh").stderr
    checkout.write("bin/apt-get", f"#!/bin/bash\ncp {checkout.folder}/python {checkout.folder}/bin/chromium\n")
    done = checkout.run("run_tests.sh")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "are left out" not in done.stderr
