"""The mutants: each still fits the source, and one is run to its end. `make mutants` runs all."""

import pytest

from scripts.mutants import MUTANTS, ROOT, Edit, Mutant, apply, run

BLIND = next(mutant for mutant in MUTANTS if mutant.name == "blind_watchdog")


def test_mutants__fit_the_source() -> None:
    for mutant in MUTANTS:
        for edit in mutant.edits:
            assert (ROOT / edit.path).read_text(encoding="utf-8").count(edit.old) == 1, mutant.name
        assert (
            (ROOT / mutant.test.partition("::")[0])
            .read_text(encoding="utf-8")
            .count(f"def {mutant.test.partition('::')[2]}(")
        )


def test_run__the_test_that_is_named_notices() -> None:
    assert run(BLIND) == [BLIND.test]


def test_apply__an_edit_that_no_longer_fits() -> None:
    with pytest.raises(ValueError, match="stands 0 times"):
        apply(Mutant("gone", "", (Edit(BLIND.edits[0].path, "no such line", ""),), ""), ROOT)
