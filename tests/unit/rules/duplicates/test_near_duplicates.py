"""Keepers and their near-duplicates: against a plain model, in any portions, with chains broken."""

from dataclasses import astuple
from functools import partial
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.rules.duplicates import UNDECIDED, choose_keepers, near_rows


def candidates(alike: NDArray[np.float64], there: set[int], row: int) -> NDArray[np.int64]:
    """Rows whose similarity is not 0; NaN stands for a pair that a curator parted."""
    return np.array([other for other in sorted(there) if other != row and alike[row, other] != 0], dtype=np.int64)


def chosen(alike: NDArray[np.float64], portions: list[list[int]]) -> NDArray[np.int64]:
    """Keepers of rows that come in portions, where `alike` (n, n) holds all similarities."""
    keeper_of = np.full(len(alike), UNDECIDED)
    there: set[int] = set()
    for portion in portions:
        there |= set(portion)
        choose_keepers(
            keeper_of, portion, partial(candidates, alike, there), lambda row, others: alike[row, others], 0.9
        )
    return keeper_of


def expected(alike: NDArray[np.float64]) -> list[int]:
    """The rule, word for word: the first kept media before it that it is a near-duplicate of, else itself."""
    keepers: list[int] = []
    answer = []
    for row in range(len(alike)):
        keeper = next((kept for kept in keepers if alike[row, kept] >= 0.9), row)
        if keeper == row:
            keepers.append(row)
        answer.append(keeper)
    return answer


@st.composite
def similarities(draw: st.DrawFn) -> NDArray[np.float64]:
    count = draw(st.integers(1, 9))
    values = draw(st.lists(st.sampled_from([0.0, 0.5, 0.95, np.nan]), min_size=count**2, max_size=count**2))
    square = np.array(values).reshape(count, count)
    return np.triu(square, 1) + np.triu(square, 1).T


@given(similarities(), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_choose_keepers__whatever_the_portions(alike: NDArray[np.float64], chance: Random) -> None:
    rows = list(range(len(alike)))
    chance.shuffle(rows)
    cut = chance.randint(0, len(rows))
    assert chosen(alike, [rows]).tolist() == expected(alike)
    assert chosen(alike, [rows[:cut], rows[cut:]]).tolist() == expected(alike)
    assert chosen(alike, [[row] for row in rows]).tolist() == expected(alike)


def test_choose_keepers__a_chain_is_broken() -> None:
    alike = np.zeros((3, 3))
    alike[0, 1] = alike[1, 0] = alike[1, 2] = alike[2, 1] = 0.95
    assert chosen(alike, [[0, 1, 2]]).tolist() == [0, 0, 2]


def test_choose_keepers__a_better_one_comes_later_and_frees_the_others() -> None:
    alike = np.zeros((3, 3))
    alike[0, 1] = alike[1, 0] = alike[1, 2] = alike[2, 1] = 0.95
    keeper_of = np.full(3, UNDECIDED)

    def decide(rows: list[int], there: set[int]) -> list[int]:
        near = partial(candidates, alike, there)
        return [
            choice.row for choice in choose_keepers(keeper_of, rows, near, lambda row, others: alike[row, others], 0.9)
        ]

    decide([1, 2], {1, 2})
    assert keeper_of.tolist() == [UNDECIDED, 1, 1]
    assert decide([0], {0, 1, 2}) == [0, 1, 2]
    assert keeper_of.tolist() == [0, 0, 2]


def test_choose_keepers__says_how_similar_each_is_to_its_keeper() -> None:
    alike = np.array([[0.0, 0.95, 0.85], [0.95, 0.0, 0.9], [0.85, 0.9, 0.0]])
    keeper_of = np.full(3, UNDECIDED)
    near = partial(candidates, alike, {0, 1, 2})
    choices = choose_keepers(keeper_of, [2, 0, 1], near, lambda row, others: alike[row, others], 0.85)
    assert [astuple(choice) for choice in choices] == [(0, 0, 1.0), (1, 0, 0.95), (2, 0, 0.85)]


def test_choose_keepers__decides_nobody_whom_nothing_concerns() -> None:
    """A row that is decided as before brings up no other: 2 is near 1, which stays kept."""
    alike = np.zeros((3, 3))
    alike[1, 2] = alike[2, 1] = 0.95
    keeper_of = np.array([0, 1, 1])
    near = partial(candidates, alike, {0, 1, 2})
    choices = choose_keepers(keeper_of, [1], near, lambda row, others: alike[row, others], 0.9)
    assert [astuple(choice) for choice in choices] == [(1, 1, 1.0)]


def test_near_rows__within_the_distance() -> None:
    hashes = np.array([0b0000, 0b0011, 0b0111, 0b1000_0000], dtype=np.uint64)
    assert near_rows(hashes, 0, 2).tolist() == [1, 3]
    assert near_rows(hashes, 1, 1).tolist() == [2]
