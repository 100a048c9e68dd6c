"""Does the gate close on a regression, and on nothing else?"""

from typing import Any

import numpy as np
import pytest

from backend.errors import InputError
from backend.features.evaluation import compare
from backend.rules.measures import Bootstrap

BOOTSTRAP = Bootstrap(0, 400)


def document(**tasks: dict[str, float]) -> dict[str, Any]:
    return {
        "headline": "ndcg@10",
        "retrieval": {
            task: {"by_query": {"names": list(values), "ndcg@10": list(values.values())}}
            for task, values in tasks.items()
        },
    }


def draw(seed: int, shift: float = 0.0, noise: float = 0.05) -> dict[str, float]:
    base = np.random.default_rng(0).uniform(0.2, 1, 80)
    moved = base + shift + np.random.default_rng(seed).normal(scale=noise, size=80)
    return {f"q{place}": float(value) for place, value in enumerate(moved)}


def test_compare__the_same_passes_and_worse_does_not() -> None:
    before = document(hybrid=draw(1))
    assert compare(before, before, BOOTSTRAP).is_passed
    worse = compare(before, document(hybrid=draw(2, -0.05)), BOOTSTRAP)
    assert not worse.is_passed
    assert worse.changes[0].is_regression
    better = compare(before, document(hybrid=draw(2, +0.05)), BOOTSTRAP)
    assert better.is_passed
    assert better.changes[0].is_improvement


def test_compare__chance_alone_closes_it_seldom() -> None:
    """95 % for all tasks together: of 100 comparisons of five tasks without any change, few may fail."""
    closed = 0
    for seed in range(100):
        before = document(**{f"t{task}": draw(10 * seed + task + 1) for task in range(5)})
        now = document(**{f"t{task}": draw(10_000 + 10 * seed + task) for task in range(5)})
        closed += not compare(before, now, BOOTSTRAP).is_passed
    # 2.5 expected; uncorrected it would be 12.
    assert closed <= 8


def test_compare__pairs_by_query_and_not_by_place() -> None:
    """Unpaired, a loss of 0.01 would drown in queries that differ by 0.8; and strangers on either side do not count."""
    before, now = draw(1, noise=0), draw(1, noise=0)
    now = {name: value - 0.01 for name, value in reversed(now.items())}
    before["only before"], now["only now"] = 0.0, 1.0
    found = compare(document(hybrid=before), document(hybrid=now), BOOTSTRAP).changes[0]
    assert found.shared == 80
    assert found.is_regression
    assert found.difference.value == pytest.approx(-0.01)


def test_compare__what_cannot_be_compared_does_not_pass_in_silence() -> None:
    before = document(hybrid=draw(1), text_to_image=draw(1))
    gone = compare(before, document(hybrid=draw(1)), BOOTSTRAP)
    assert gone.left_out == ("text_to_image was not evaluated this time",)
    with pytest.raises(InputError, match="in common"):
        compare(before, document(hybrid={"other": 1.0}), BOOTSTRAP)
    with pytest.raises(InputError, match="in common"):
        compare(document(), before, BOOTSTRAP)
    other = document(hybrid=draw(1))
    other["retrieval"]["hybrid"]["by_query"]["ndcg@5"] = other["retrieval"]["hybrid"]["by_query"].pop("ndcg@10")
    with pytest.raises(InputError) as raised:
        compare(before, other, BOOTSTRAP)
    assert raised.value.hint == "Add -k 10."
