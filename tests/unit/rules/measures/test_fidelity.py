"""The gate before a faster runtime: cosines and changed assignments, by hand."""

import numpy as np
import pytest

from backend.encoders import normalise_rows
from backend.rules.measures.fidelity import Fidelity, changed_assignments, compare


def directions(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return normalise_rows(np.stack([np.cos(radians), np.sin(radians)], axis=1))


def test_compare__first_percentile_of_the_cosines() -> None:
    exact = directions(*[0.0] * 200)
    fast = directions(*[0.0] * 198, 60.0, 30.0)
    assert compare(exact, fast).cosine == pytest.approx(np.cos(np.radians(30)), abs=1e-6)
    assert compare(exact, exact).cosine == pytest.approx(1.0, abs=1e-6)


def test_changed_assignments__groups_have_no_names() -> None:
    # Three groups either way; the first of the second run founds another group than the first of the first.
    exact = directions(0, 1, 60, 61, 120)
    assert changed_assignments(exact, exact[[0, 1, 2, 3, 4]], 0.9) == 0.0
    # The second leaves the first group for the second, which then has three.
    moved = directions(0, 59, 60, 61, 120)
    assert changed_assignments(exact, moved, 0.9) == pytest.approx(1 / 5)


def test_changed_assignments__a_group_that_falls_apart() -> None:
    exact, apart = directions(0, 1, 2, 3), directions(0, 1, 60, 61)
    assert changed_assignments(exact, apart, 0.9) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("fidelity", "passed"),
    [
        (Fidelity(100, 0.995, 0.005), True),
        (Fidelity(100, 0.9949, 0.0), False),
        (Fidelity(400, 0.9999, 0.0051), False),
        (Fidelity(99, 1.0, 0.0), False),
        (Fidelity(100, 0.996, None), True),
    ],
    ids=["just", "far", "changed", "few", "no-groups"],
)
def test_fidelity__passed(fidelity: Fidelity, passed: bool) -> None:
    assert fidelity.passed is passed
