"""Agreement of groups with labels, against scikit-learn, and the pairs that a bootstrap must not count."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_samples

from backend.rules.measures import Contingency, silhouettes
from backend.rules.measures.metrics import codes_of

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=40)


@given(pairs)
def test_agree__as_scikit_learn(both: list[tuple[int, int]]) -> None:
    labels, groups = zip(*both, strict=True)
    found = Contingency.of(labels, groups).agree()
    assert found.adjusted_rand_index == pytest.approx(adjusted_rand_score(labels, groups), abs=1e-12)
    assert found.normalized_mutual_information == pytest.approx(normalized_mutual_info_score(labels, groups), abs=1e-12)
    right = sum(max(labels_of.count(one) for one in labels_of) for labels_of in _by_group(both))
    assert found.purity == pytest.approx(right / len(both))


@given(pairs, st.randoms(use_true_random=False))
def test_agree__drawn_twice_makes_no_pair_with_itself(both: list[tuple[int, int]], random: object) -> None:
    """Against counting each ordered pair of different media as often as it is drawn."""
    labels, groups = np.array(both).T
    weights = np.array([random.randint(0, 3) for _ in both])  # type: ignore[attr-defined]
    if weights.sum() == 0:
        return
    drawn = np.outer(weights, weights) * (1 - np.eye(len(both)))
    same_label, same_group = labels[:, None] == labels, groups[:, None] == groups
    in_labels, in_groups = (drawn * same_label).sum(), (drawn * same_group).sum()
    expected = in_labels * in_groups / drawn.sum() if drawn.sum() else 0
    most = (in_labels + in_groups) / 2
    together = (drawn * same_label * same_group).sum()
    value = 1.0 if most == expected else (together - expected) / (most - expected)
    table = Contingency.of(labels, groups)
    # As one resample of several.
    resamples = np.stack([np.ones(len(both)), weights])
    assert table.agree_each(resamples)[1, 0] == pytest.approx(value)
    assert table.adjusted_rand_indexes(resamples).tolist() == table.agree_each(resamples)[:, 0].tolist()
    assert table.agree_each(resamples)[0].tolist() == list(astuple(table.agree()))


def test_agree__everything_drawn_twice_changes_little() -> None:
    """Counted naively, doubled media would lift a grouping into single media from 0 to far above chance."""
    labels, groups = np.arange(40) % 4, np.arange(40)
    assert Contingency.of(labels, groups).adjusted_rand_indexes(np.full((1, 40), 2)).tolist() == [0]


@given(st.integers(0, 2**31), st.integers(3, 30), st.integers(2, 6))
def test_silhouettes__as_scikit_learn(seed: int, count: int, groups: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(count, 5))
    codes = generator.integers(groups, size=count)
    codes[:2] = 0, 1
    if len(set(codes.tolist())) == count:
        return
    expected = silhouette_samples(vectors, codes, metric="cosine")
    assert silhouettes(vectors, codes) == pytest.approx(expected, abs=1e-5)


def test_refuses_what_cannot_be_compared() -> None:
    pairs: tuple[tuple[list[int], list[int]], ...] = (([1], []), ([], []))
    for one, other in pairs:
        with pytest.raises(ValueError, match="labels for"):
            Contingency.of(one, other)
    with pytest.raises(ValueError, match="two groups"):
        silhouettes(np.eye(3), [1, 1, 1])


def test_codes_of__by_first_appearance() -> None:
    assert codes_of(["b", "a", "b", ("c",)]) == [0, 1, 0, 2]


def _by_group(both: list[tuple[int, int]]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for label, group in both:
        groups.setdefault(group, []).append(label)
    return list(groups.values())
