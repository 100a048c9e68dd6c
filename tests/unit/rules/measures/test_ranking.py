"""The best hits and the rank of the first right one, against ordering everything."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.measures import Candidates, Fault, find_faults

# Few values, so that ties are many.
row = st.tuples(st.integers(-1, 3), st.integers(0, 2))


@given(st.lists(row, min_size=1, max_size=30), st.integers(1, 12), st.randoms(use_true_random=False))
def test_candidates__as_ordering_everything(rows: list[tuple[int, int]], k: int, random: object) -> None:
    combined = np.array([-np.inf if one < 0 else one for one, _ in rows])
    image = np.array([one for _, one in rows], dtype=np.float32)
    places = np.arange(len(rows))
    random.shuffle(places)  # type: ignore[attr-defined]
    order = [
        one
        for one in sorted(range(len(rows)), key=lambda at: (-combined[at], -image[at], places[at]))
        if combined[one] > -np.inf
    ]
    candidates = Candidates(combined, image, places)
    assert candidates.best(k).tolist() == order[:k]
    wanted = np.flatnonzero(image == 1)
    expected = next((rank for rank, one in enumerate(order, start=1) if one in wanted), 0)
    assert candidates.first_of(wanted) == expected


def test_find_faults__each_kind() -> None:
    #                 right, wrong by image, wrong by text, by both, right without words
    image = np.array([0.5, 0.9, 0.4, 0.8, 0.6])
    text = np.array([0.5, 0.4, 0.9, 0.9, np.nan])
    found = find_faults(image, text, 0.5, [1, 2, 3, 2], [0, 0, 0, 4])
    assert found == [Fault.IMAGE, Fault.TEXT, Fault.BOTH, Fault.NO_WORDS]
    # A leg without weight is nobody's fault.
    assert find_faults(image, text, 1.0, [3], [0]) == [Fault.IMAGE]
    assert find_faults(image, text, 0.0, [3], [0]) == [Fault.TEXT]
    # Equal on both: neither told them apart.
    assert find_faults(np.ones(2), np.ones(2), 0.5, [0], [1]) == [Fault.BOTH]
