"""The page of guarantees: the tests and the breaks that it names are there, and no break is missing on it."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
_COLUMNS = 4


def _rows() -> Iterator[list[str]]:
    """Promise, limits, tests and breaks."""
    for line in (ROOT / "docs/explanation/guarantees.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == _COLUMNS and cells[0] not in {"Promise", "---"}:
            yield cells


def test_guarantees__each_has_a_test_that_is_there() -> None:
    rows = list(_rows())
    assert len(rows) > 40
    for promise, _limits, tests, _breaks in rows:
        assert tests, promise
        for name in re.findall(r"`(\S+\.py)`", tests):
            path = ROOT / "tests" / (name if "/" in name else f"integration/{name}")
            assert path.is_file(), f"{promise}: {name}"


def test_guarantees__each_break_is_a_mutant_whose_test_is_named_beside_it() -> None:
    mutants = {mutant.name: mutant for mutant in MUTANTS}
    named = []
    for promise, _limits, tests, breaks in _rows():
        for name in re.findall(r"`(\w+)`", breaks):
            named.append(name)
            assert Path(mutants[name].test.partition("::")[0]).name in tests, f"{promise}: {name}"
    assert sorted(named) == sorted(mutants)
