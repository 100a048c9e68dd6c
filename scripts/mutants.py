"""Break each promise once, in a scratch copy, and see that the tests notice.

python -m scripts.mutants              # all
python -m scripts.mutants no_fencing   # by name
python -m scripts.mutants --check      # only that each mutation still fits the source

Exits 1 where a mutant survives, or does not fit any more: then somebody has changed the line that it breaks, and it has
to be written anew. Nothing in the product knows of this.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_COPIED = ("alembic", "backend", "workers", "scripts", "tests", "pyproject.toml", "alembic.ini", "README.md")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Edit:
    """Replace `old`, which stands there once, by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """One promise broken, and the test that has to fail for it."""

    name: str
    promise: str
    edits: tuple[Edit, ...]
    test: str


MUTANTS = (
    Mutant(
        "no_fencing",
        "a worker that was stopped and comes back is refused",
        (Edit("backend/db/work.py", "Media.lease_token == lease.token, Media.status == MediaStatus.PENDING", "True"),),
        "tests/integration/test_pipeline.py::test_record_embedded__a_worker_that_comes_back_is_refused",
    ),
    Mutant(
        "no_assigner_lock",
        "one assigner at a time",
        (
            Edit(
                "backend/db/assignments.py",
                "    return bool(session.execute(text(",
                "    return True or bool(session.execute(text(",
            ),
        ),
        "tests/integration/test_assigner.py::test_assign_waiting__leaves_the_work_to_whoever_holds_the_lock",
    ),
    Mutant(
        "no_unique_key",
        "the same bytes are one media",
        (
            Edit(
                "alembic/versions/0001_library.py", 'sa.UniqueConstraint("sha256", name=op.f("media_sha256_key")),', ""
            ),
            Edit("backend/db/media.py", ".on_conflict_do_nothing(index_elements=[Media.sha256])", ""),
        ),
        "tests/integration/test_pipeline.py::test_accept__the_same_bytes_at_once_are_one_media",
    ),
    Mutant(
        "early_file_commit",
        "a file is whole and synced before it has its name",
        (
            Edit(
                "backend/ingest/stores.py",
                "_write_synced(temporary, data)\n            temporary.replace(path)",
                "path.write_bytes(data)",
            ),
        ),
        "tests/unit/ingest/test_storage.py::test_storage_write__is_synced_before_it_is_visible",
    ),
    Mutant(
        "row_before_file",
        "the file is durable before the row commits",
        (
            Edit(
                "backend/pipeline/intake.py",
                "    services.storage.write(key, data)\n    picture = StoredPicture(",
                "    picture = StoredPicture(",
            ),
        ),
        "tests/integration/test_pipeline.py::test_accept__a_full_disk_leaves_no_row",
    ),
    Mutant(
        "attempts_not_counted",
        "attempts are counted when a batch is claimed",
        (Edit("backend/db/sql/claim_pending.sql", "attempts = attempts + 1", "attempts = attempts"),),
        "tests/integration/test_pipeline.py::test_claim_pending__tried_before_is_claimed_alone_and_then_quarantined",
    ),
    Mutant(
        "no_upload_order",
        "uploads become visible in their order",
        (Edit("backend/db/media.py", '"SELECT pg_advisory_xact_lock(:key)"', '"SELECT :key"'),),
        "tests/integration/test_pipeline.py::test_accept__uploads_at_once_become_visible_in_their_order",
    ),
    Mutant(
        "answer_forgotten",
        "the same Idempotency-Key gets the same answer",
        (
            Edit(
                "backend/api/idempotency.py",
                "        record_answer(session, claim, response.status_code or HTTPStatus.ACCEPTED, kept)",
                "        release_key(session, claim)",
            ),
        ),
        "tests/integration/test_idempotency.py::test_upload__sent_again_gets_the_same_answer",
    ),
    Mutant(
        "commit_not_looked_up",
        "an unknown outcome of a commit is looked up",
        (Edit("backend/pipeline/intake.py", "status = _find_committed(services, media_id)", "status = None"),),
        "tests/integration/test_database_loss.py::test_upload__a_commit_whose_answer_is_lost_is_looked_up",
    ),
    Mutant(
        "database_loss_unnamed",
        "losing the database is told as such, and can be tried again",
        (Edit("backend/db/engine.py", "except (DBAPIError, psycopg.Error) as error:", "except DBAPIError as error:"),),
        "tests/integration/test_database_loss.py::test_transaction__a_conflict_can_be_tried_again",
    ),
    Mutant(
        "rows_not_handed_back",
        "losing the database costs no attempt",
        (Edit("backend/pipeline/leases.py", "            hand_back(services, lease)\n", ""),),
        "tests/integration/test_database_loss.py::test_rows_are_handed_back_when_the_database_was_away",
    ),
    Mutant(
        "stopped_assigner_keeps_its_lock",
        "a process that stops in the middle of a decision holds nobody up",
        (Edit("backend/db/assignments.py", "    limit_idling(session, idle_seconds)\n", ""),),
        "tests/integration/test_database_loss.py::test_assigner__one_that_was_stopped_loses_its_lock",
    ),
    Mutant(
        "blind_watchdog",
        "a worker that is alive but consumes nothing is noticed",
        (
            Edit(
                "workers/watchdog.py", "        idle_seconds = now - self._idle_since\n", "        idle_seconds = 0.0\n"
            ),
        ),
        "tests/unit/workers/test_watchdog.py::test_vigil__messages_wait_and_nothing_is_taken_up",
    ),
)


def apply(mutant: Mutant, root: Path) -> None:
    """Make the edits below `root`. Raises ValueError where one does not fit."""
    for edit in mutant.edits:
        path = root / edit.path
        source = path.read_text(encoding="utf-8")
        if source.count(edit.old) != 1:
            raise ValueError(f"{mutant.name}: {edit.old!r} stands {source.count(edit.old)} times in {edit.path}")
        path.write_text(source.replace(edit.old, edit.new), encoding="utf-8")


def run(mutant: Mutant) -> list[str]:
    """The tests that failed for the mutant: none where it survived."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-mutant-") as folder:
        scratch = Path(folder)
        copy_source(scratch)
        apply(mutant, scratch)
        # From the copy's folder, which comes before the installed package on the path.
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
    """A copy of all that the tests need."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, scratch / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, scratch / name)


def main() -> int:
    """Run those that are named, print who noticed what, return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, where none is named")
    parser.add_argument("--check", action="store_true", help="only see that each still fits")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not arguments.names or mutant.name in arguments.names]
    if len(chosen) < len(set(arguments.names)):
        parser.error(f"known are {', '.join(mutant.name for mutant in MUTANTS)}")
    return _check(chosen) if arguments.check else _run_all(chosen)


def _check(mutants: Iterable[Mutant]) -> int:
    for mutant in mutants:
        with tempfile.TemporaryDirectory() as folder:
            for edit in mutant.edits:
                (Path(folder) / edit.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / edit.path, Path(folder) / edit.path)
            apply(mutant, Path(folder))
    return 0


def _run_all(mutants: Iterable[Mutant]) -> int:
    survivors = 0
    for mutant in mutants:
        begun = time.monotonic()
        noticed = run(mutant)
        survivors += not noticed
        verdict = f"noticed by {', '.join(noticed)}" if noticed else f"SURVIVED {mutant.test}"
        print(f"{mutant.name} ({mutant.promise}): {verdict}, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{survivors} survived")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
