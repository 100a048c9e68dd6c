"""The least effort that finds enough, and the best values over blocks."""

from collections.abc import Iterator

import numpy as np
import pytest

from backend.rules.search import BestValues, learn_effort

KINDS = np.array([10, 20])


def asked(recall_at: dict[int, tuple[float, float]], log: list[int] | None = None) -> object:
    """Queries of two kinds whose recall is that of the greatest effort up to the one asked for."""

    def recalls(effort: int) -> Iterator[tuple[int, float]]:
        found = recall_at[max(step for step in recall_at if step <= effort)]
        for kind, count in enumerate(KINDS):
            for _ in range(count):
                if log is not None:
                    log.append(effort)
                yield kind, found[kind]

    return recalls


@pytest.mark.parametrize(
    ("recall_at", "expected"),
    [
        ({0: (1.0, 1.0)}, (60, 1.0)),
        ({0: (0.9, 1.0), 90: (0.99, 0.99)}, (90, 0.99)),
        # A kind that is found does not make up for one that is not.
        ({0: (1.0, 0.98), 135: (0.995, 1.0)}, (135, 0.995)),
        ({0: (0.5, 1.0), 1000: (0.99, 1.0)}, (1000, 0.99)),
    ],
)
def test_learn_effort__the_least_that_is_enough_for_each_kind(
    recall_at: dict[int, tuple[float, float]], expected: tuple[int, float]
) -> None:
    effort, recall = learn_effort(asked(recall_at), KINDS, 0.99, 1)  # type: ignore[arg-type]
    assert effort == expected[0]
    assert recall == pytest.approx(expected[1])


def test_learn_effort__none_is_enough() -> None:
    log: list[int] = []
    effort, recall = learn_effort(asked({0: (0.2, 0.2)}, log), KINDS, 0.99, 1)  # type: ignore[arg-type]
    assert effort == 0
    assert recall < 0.99
    # One miss of this kind is enough to know.
    assert len(log) == 8


def test_learn_effort__begins_where_it_has_to() -> None:
    assert learn_effort(asked({0: (1.0, 1.0)}), KINDS, 0.99, 101)[0] == 135  # type: ignore[arg-type]


def test_learn_effort__without_queries_of_a_kind() -> None:
    def recalls(_effort: int) -> Iterator[tuple[int, float]]:
        yield 0, 1.0

    assert learn_effort(recalls, np.array([1, 0]), 0.995, 1) == (60, 1.0)


@pytest.mark.parametrize("blocks", [[5, 1, 300], [2, 2], [1000]])
def test_best_values__of_all_blocks(blocks: list[int]) -> None:
    generator = np.random.default_rng(1)
    parts = [generator.normal(size=(4, size)).astype(np.float32) for size in blocks]
    best = BestValues(4, 7)
    for part in parts:
        best.add(part)
    everything = np.sort(np.concatenate(parts, axis=1), axis=1)[:, ::-1][:, :7]
    found = best.greatest(7)
    np.testing.assert_array_equal(found[:, : everything.shape[1]], everything)
    assert np.isneginf(found[:, everything.shape[1] :]).all()
    np.testing.assert_array_equal(best.greatest(1)[:, 0], everything[:, 0])
