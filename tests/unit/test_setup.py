"""The scripts behind `make setup` and `make test`, with a uv, a Python and a browser that are made for the test."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Writes down what it is asked for. The file `no_python` says that this machine has none, `fetchable` that uv can fetch one.
_UV = """#!/bin/bash
echo "$@" >> {folder}/asked
[ "$1" = venv ] || exit 0
if [[ "$*" = *--managed-python* ]]; then
    [ "$UV_PYTHON_DOWNLOADS" = automatic ] && [ -e {folder}/fetchable ] || exit 1
else
    [ "$UV_PYTHON_DOWNLOADS" = never ] && [ ! -e {folder}/no_python ] || exit 1
fi
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

    def asked(self) -> str:
        """What uv was asked for by the last `set_up` and since."""
        asked = self.folder / "asked"
        return asked.read_text() if asked.exists() else ""

    def set_up(self, **environ: str) -> list[str]:
        """Each installation that this call asks for, by its torch; one of the project itself comes after each."""
        (self.folder / "asked").unlink(missing_ok=True)
        done = self.run("setup.sh", **environ)
        assert done.returncode == 0, done.stderr
        lines = self.asked().splitlines()
        installed = [line for line in lines if " install " in line and "-e ." not in line]
        return [line.partition("--torch-backend ")[2].partition(" ")[0] or "registry" for line in installed]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    programs = tmp_path / "system"
    programs.mkdir()
    for name in ("awk", "bash", "cat", "cksum", "cp", "dirname", "echo", "grep", "id", "mkdir", "rm", "sed", "uname"):
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


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_setup__keeps_a_python_that_all_packages_have_wheels_for(checkout: Checkout, minor: int) -> None:
    checkout.write("python", _PYTHON.format(minor=minor, real=sys.executable))
    assert checkout.set_up() == ["registry"]
    checkout.write("requirements.txt", "# other pins")
    assert checkout.set_up() == ["registry"]
    assert "\nvenv " not in checkout.asked()


@pytest.mark.parametrize("minor", [10, 15])
def test_setup__replaces_a_python_that_packages_have_no_wheels_for(checkout: Checkout, minor: int) -> None:
    checkout.write("python", _PYTHON.format(minor=minor, real=sys.executable))
    assert checkout.set_up() == ["registry"]
    checkout.write("python", _PYTHON.format(minor=13, real=sys.executable))
    checkout.write("requirements.txt", "# other pins")
    assert checkout.set_up() == ["registry"]
    assert "\nvenv --quiet --python >=3.11,<3.15 .venv\n" in checkout.asked()


def test_setup__without_a_python_fetches_one(checkout: Checkout) -> None:
    checkout.write("no_python", "")
    done = checkout.run("setup.sh")
    assert done.returncode == 1
    assert "No Python from 3.11 to 3.14 was found, and none could be fetched" in done.stderr
    assert "install" not in checkout.asked()
    checkout.write("fetchable", "")
    assert checkout.set_up() == ["registry"]


def test_setup__says_first_what_it_downloads(checkout: Checkout) -> None:
    first = checkout.run("setup.sh").stdout
    assert first.index("downloads packages from the package registry") < first.index("1/4 uv")
    assert first.index("GB on disk") < first.index("1/4 uv")
    assert checkout.run("setup.sh").stdout == ""  # done
    checkout.write("requirements.txt", "# other pins")
    again = checkout.run("setup.sh").stdout
    assert "3/4 packages" in again
    assert "downloads" not in again


@pytest.mark.skipif(sys.platform != "linux", reason="torch brings CUDA on Linux only")
def test_setup__says_how_to_download_less(checkout: Checkout, tmp_path: Path) -> None:
    assert "smaller: TORCH_BACKEND=cpu make setup" in checkout.run("setup.sh").stdout
    shutil.rmtree(tmp_path / ".venv")
    chosen = checkout.run("setup.sh", TORCH_BACKEND="cpu").stdout
    assert "torch for 'cpu'" in chosen
    assert "smaller" not in chosen


def test_setup__without_a_gpu_omits_what_only_a_gpu_needs(checkout: Checkout, tmp_path: Path) -> None:
    assert checkout.set_up() == ["registry"]
    assert "--require-hashes --no-deps -r .cache/requirements.txt" in checkout.asked()
    pinned = (tmp_path / "requirements.txt").read_text().splitlines()
    installed = (tmp_path / ".cache/requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in pinned if line[:1].isalnum()}
    left = {line.partition("==")[0] for line in installed if line[:1].isalnum()}
    omitted = {"triton", "cuda-bindings", "cuda-pathfinder", "nvidia-cusolver", "nvidia-nvtx", "nvidia-cuda-cccl"}
    assert names - left == omitted
    assert left < names
    # A hash or a comment belongs to the package before it: what is left has its own, all of them and in the same order.
    rest = iter(pinned)
    assert all(line in rest for line in installed)
    assert len(pinned) - len(installed) > 2 * len(omitted)

    checkout.write("bin/nvidia-smi", "#!/bin/bash\n")  # a GPU has come
    assert checkout.set_up() == ["registry"]
    assert "--require-hashes --no-deps -r requirements.txt" in checkout.asked()
    assert checkout.set_up() == []


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


def test_run_tests__keeps_compiled_modules(checkout: Checkout) -> None:
    checkout.write(".venv/bin/pytest", "#!/bin/bash\necho ${PYTHONDONTWRITEBYTECODE-kept}\n")
    assert checkout.run("run_tests.sh", "--unit", PYTHONDONTWRITEBYTECODE="1").stdout == "kept\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages")
def test_run_tests__as_root_a_browser_is_installed(checkout: Checkout) -> None:
    checkout.write(".venv/bin/pytest", "#!/bin/bash\necho ran\n")
    checkout.write("bin/apt-get", "#!/bin/bash\nexit 100\n")
    assert "are left out" in checkout.run("run_tests.sh").stderr
    checkout.write("bin/apt-get", f"#!/bin/bash\ncp {checkout.folder}/python {checkout.folder}/bin/chromium\n")
    done = checkout.run("run_tests.sh")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "are left out" not in done.stderr
