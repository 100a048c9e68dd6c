"""Break each guarantee once, in a scratch copy, and check that its test fails.

python -m scripts.mutants                       # all
python -m scripts.mutants no_fencing            # by name
python -m scripts.mutants --jobs 4              # four at a time, each with servers of its own
python -m scripts.mutants --check               # only that each patch still applies, and that its test exists
python -m scripts.mutants --refresh no_fencing  # rewrite the patch for the current lines

Each mutant is a patch in `tests/promises`. Its head names the guarantee and the test that must fail. Moved lines do no harm, nor
do changes around the broken line, as long as one line of context remains on each side.

Exits with 1 if a mutant survives or a patch no longer applies. In the latter case the broken line itself was changed, and the
patch must be rewritten by hand.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMISES = ROOT / "tests" / "promises"
_COPIED = ("alembic", "backend", "workers", "scripts", "tests", "pyproject.toml", "alembic.ini", "README.md")
_HEAD = re.compile(r"Promise: (?P<promise>.+)\nTest: (?P<test>\S+)\n\n(?=--- )")
_CHANGED = re.compile(r"^\+\+\+ b/(\S+)$", re.MULTILINE)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_TIMEOUT_SECONDS = 900


class StalePatchError(Exception):
    """A patch no longer applies."""


@dataclass(frozen=True)
class Mutant:
    """A guarantee broken by a patch, and the test that must fail."""

    name: str
    promise: str
    test: str
    patch: Path

    @property
    def paths(self) -> list[str]:
        """The files that the patch changes."""
        return _CHANGED.findall(self.patch.read_text(encoding="utf-8"))


def load(patch: Path) -> Mutant:
    """Read a patch file."""
    head = _HEAD.match(patch.read_text(encoding="utf-8"))
    if head is None:
        raise ValueError(f"{patch.name} has to begin with the lines 'Promise: ...', 'Test: ...' and an empty one.")
    return Mutant(patch.stem, head["promise"], head["test"], patch)


MUTANTS = tuple(load(patch) for patch in sorted(PROMISES.glob("*.patch")))


def apply(mutant: Mutant, root: Path, *, dry_run: bool = False) -> list[str]:
    """Apply the patch below `root`. Returns a line for each hunk that applied with reduced context."""
    done = _git("apply", "--verbose", "-C1", *(["--check"] if dry_run else []), str(mutant.patch), folder=root)
    said = done.stderr.splitlines()
    if done.returncode != 0:
        errors = "\n".join(f"  {line}" for line in said if not line.startswith("Checking patch"))
        raise StalePatchError(f"{mutant.name}: {mutant.patch.name} no longer applies.\n{errors}")
    return [f"{mutant.name}: {line}" for line in said if line.startswith("Context reduced")]


def refresh(mutant: Mutant) -> None:
    """Rewrite the patch with the current context and line numbers."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-mutant-") as folder:
        before, after = Path(folder) / "a", Path(folder) / "b"
        for path in mutant.paths:
            for side in (before, after):
                (side / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, side / path)
        apply(mutant, after)
        hunks = [_diff(path, Path(folder)) for path in mutant.paths]
    mutant.patch.write_text(f"Promise: {mutant.promise}\nTest: {mutant.test}\n\n{''.join(hunks)}", encoding="utf-8")


def _diff(path: str, folder: Path) -> str:
    diff = _git(
        "diff", "--no-index", "--no-prefix", "--no-ext-diff", "--no-color", f"a/{path}", f"b/{path}", folder=folder
    )
    return diff.stdout[diff.stdout.index("--- ") :]


def _git(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Paths are relative to `folder`, even inside a repository.
    environ = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent), "LC_ALL": "C"}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)  # noqa: S603


def run(mutant: Mutant) -> list[str]:
    """Run the test. Returns the tests that failed, empty if the mutant survived."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-mutant-") as folder:
        scratch = Path(folder)
        copy_source(scratch)
        apply(mutant, scratch)
        # Run in the copy's folder, which precedes the installed package on the path.
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("MEDIACLUSTER_", "PYTEST_"))
        }
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "pytest", mutant.test, "-x", "-q", "-p", "no:cacheprovider", "-n", "0"],
            cwd=scratch,
            env=environ | {"PYTHONPATH": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"{mutant.name}: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    return _FAILED.findall(done.stdout)


def copy_source(scratch: Path) -> None:
    """Copy everything that the tests need."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, scratch / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, scratch / name)


def check(mutants: Iterable[Mutant]) -> list[str]:
    """Faults of the patches: whether each applies and its test exists. Prints hunks with reduced context."""
    faults = []
    for mutant in mutants:
        try:
            for reduced in apply(mutant, ROOT, dry_run=True):
                print(f"{reduced} (--refresh {mutant.name} writes it again)")
        except StalePatchError as error:
            faults.append(str(error))
        path, _, name = mutant.test.partition("::")
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8"):
            faults.append(f"{mutant.name}: there is no test {mutant.test}")
    return faults


def main() -> int:
    """Run the named mutants, print the results and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, where none is named")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at a time")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="only see that each patch applies and names a test")
    instead.add_argument("--refresh", action="store_true", help="write the patches again for the source as it is now")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not arguments.names or mutant.name in arguments.names]
    if len(chosen) < len(set(arguments.names)):
        parser.error(f"known are {', '.join(mutant.name for mutant in MUTANTS)}")
    if arguments.refresh:
        for mutant in chosen:
            refresh(mutant)
    if arguments.check or arguments.refresh:
        faults = check(chosen)
        print("\n".join([*faults, f"{len(faults)} of {len(chosen)} have to be written again"]))
        return int(bool(faults))
    return _run_all(chosen, arguments.jobs)


def _run_all(mutants: Sequence[Mutant], jobs: int) -> int:
    with ThreadPoolExecutor(jobs) as pool:
        survivors = sum(pool.map(_run_and_print, mutants))
    print(f"{survivors} survived")
    return int(survivors > 0)


def _run_and_print(mutant: Mutant) -> bool:
    """Run a mutant and print the result. Returns whether it survived."""
    begun = time.monotonic()
    noticed = run(mutant)
    verdict = f"noticed by {', '.join(noticed)}" if noticed else f"SURVIVED {mutant.test}"
    print(f"{mutant.name} ({mutant.promise}): {verdict}, {time.monotonic() - begun:.0f} s", flush=True)
    return not noticed


if __name__ == "__main__":
    sys.exit(main())
