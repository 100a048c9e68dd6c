"""The mutants: each patch still applies to the source, and one is run to its end. `make mutants` runs all."""

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.mutants import MUTANTS, ROOT, Mutant, StalePatchError, apply, check, load, refresh, run

BLIND = next(mutant for mutant in MUTANTS if mutant.name == "blind_watchdog")
[WATCHDOG] = BLIND.paths
SOURCE = (ROOT / WATCHDOG).read_text(encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that holds the file that BLIND breaks."""
    (tmp_path / WATCHDOG).parent.mkdir(parents=True)
    (tmp_path / WATCHDOG).write_text(SOURCE, encoding="utf-8")
    return tmp_path


def _changed_lines(patch: Path, sign: str) -> list[str]:
    lines = patch.read_text(encoding="utf-8").splitlines()
    return [line[1:] for line in lines if line.startswith(sign) and not line.startswith(sign * 3)]


def _with_other_context(patch: Path, folder: Path) -> Path:
    """A copy of the patch whose outermost line of context reads otherwise."""
    lines = patch.read_text(encoding="utf-8").splitlines(keepends=True)
    hunk = next(number for number, line in enumerate(lines) if line.startswith("@@"))
    assert lines[hunk + 1].startswith(" ")
    lines[hunk + 1] = " # Once there was another line.\n"
    other = folder / patch.name
    other.write_text("".join(lines), encoding="utf-8")
    return other


def test_mutants__apply_to_the_source_and_name_tests() -> None:
    assert len(MUTANTS) > 100
    assert check(MUTANTS) == []


def test_run__the_test_that_is_named_notices() -> None:
    assert run(BLIND) == [BLIND.test]


def test_apply__lines_that_moved(root: Path) -> None:
    (root / WATCHDOG).write_text("# moved\n" * 50 + SOURCE, encoding="utf-8")
    assert apply(BLIND, root) == []
    broken = (root / WATCHDOG).read_text(encoding="utf-8")
    assert all(line in broken for line in _changed_lines(BLIND.patch, "+"))
    assert not any(line in broken for line in _changed_lines(BLIND.patch, "-"))


def test_apply__other_context_is_told(root: Path, tmp_path: Path) -> None:
    [told] = apply(replace(BLIND, patch=_with_other_context(BLIND.patch, tmp_path)), root)
    assert "Context reduced" in told
    assert (root / WATCHDOG).read_text(encoding="utf-8") != SOURCE


def test_apply__a_line_that_is_gone_is_named(root: Path) -> None:
    [gone, *_] = _changed_lines(BLIND.patch, "-")
    (root / WATCHDOG).write_text(SOURCE.replace(gone, "    something_else()"), encoding="utf-8")
    with pytest.raises(StalePatchError) as caught:
        apply(BLIND, root)
    assert f"patch failed: {WATCHDOG}:" in str(caught.value)
    assert gone in str(caught.value)


def test_check__a_test_that_is_gone() -> None:
    [fault] = check([replace(BLIND, test="tests/unit/test_mutants.py::test_that_is_gone")])
    assert fault == "blind_watchdog: there is no test tests/unit/test_mutants.py::test_that_is_gone"


def test_refresh__writes_the_context_of_today(tmp_path: Path) -> None:
    stale = replace(BLIND, patch=_with_other_context(BLIND.patch, tmp_path))
    refresh(stale)
    assert apply(stale, ROOT, dry_run=True) == []
    assert _changed_lines(stale.patch, "-") == _changed_lines(BLIND.patch, "-")
    assert load(stale.patch) == replace(BLIND, patch=stale.patch)


def test_load__a_patch_without_a_head(tmp_path: Path) -> None:
    (tmp_path / "bare.patch").write_text("--- a/x\n+++ b/x\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has to begin with the lines 'Promise:"):
        load(tmp_path / "bare.patch")


def test_mutant__paths_are_the_files_that_it_changes() -> None:
    two: Mutant = next(mutant for mutant in MUTANTS if mutant.name == "no_unique_key")
    assert two.paths == ["alembic/versions/0001_library.sql", "backend/store/media/states.insert_pending.sql"]
