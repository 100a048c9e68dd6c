"""Deciding by the few nearest centroids of each embedding gives what deciding by all of them gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.rules.grouping import Assignment, Centroids, Decision, Shortlist, assign

THRESHOLD = 0.82


def by_shortlist(
    embeddings: NDArray[np.floating], centroids: Centroids, listed: int, block: int
) -> tuple[list[Decision], list[Assignment]]:
    """Decide the whole batch, as many at a time as the lists allow; rows are those of `centroids`, founded ones after them."""
    decisions: list[Decision] = []
    outcomes = []
    while len(decisions) < len(embeddings):
        waiting = embeddings[len(decisions) :]
        shortlist = Shortlist(waiting, listed)
        for start in range(0, len(centroids.units), block):
            rows = np.arange(start, min(start + block, len(centroids.units)))[centroids.open[start : start + block]]
            shortlist.look_at(rows, centroids.units[rows])
        rows = shortlist.cluster_ids
        some = Centroids(centroids.sums[rows], centroids.counts[rows], centroids.units[rows], centroids.open[rows])
        outcome = assign(waiting, some, THRESHOLD, shortlist.reach)
        if not outcome.decisions:
            listed *= 2
            continue
        names = np.concatenate([rows, np.arange(len(outcome.rows)) + len(centroids.sums)])
        for one in outcome.decisions:
            runner_up = None if one.runner_up is None else int(names[one.runner_up])
            decisions.append(
                Decision(
                    int(names[one.row]), one.similarity, one.founder, runner_up, one.runner_up_similarity, one.margin
                )
            )
        centroids = applied(centroids, outcome, names)
        outcomes.append(outcome)
    return decisions, outcomes


def applied(centroids: Centroids, outcome: Assignment, names: NDArray[np.int64]) -> Centroids:
    founded = sum(one.founder for one in outcome.decisions)
    sums = np.concatenate([centroids.sums, np.zeros((founded, centroids.sums.shape[1]))])
    counts = np.concatenate([centroids.counts, np.zeros(founded, dtype=np.int64)])
    is_open = np.concatenate([centroids.open, np.ones(founded, dtype=np.bool_)])
    sums[names[outcome.rows]], counts[names[outcome.rows]] = outcome.sums, outcome.counts
    return Centroids.from_sums(sums, counts, is_open)


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    clusters=st.integers(0, 40),
    dimension=st.sampled_from([2, 3, 8, 64]),
    listed=st.integers(1, 8),
    block=st.integers(1, 50),
    kinds=st.integers(1, 12),
    spread=st.sampled_from([0.0, 0.1, 0.4, 1.0]),
)
def test_shortlist__decides_as_all_centroids_do(
    seed: int, count: int, clusters: int, dimension: int, listed: int, block: int, kinds: int, spread: float
) -> None:
    """A few kinds, so that embeddings of one batch move the centroids of the next ones; with ties and closed clusters."""
    generator = np.random.default_rng(seed)
    middles = unit(generator.normal(size=(kinds, dimension)))
    noise = spread * generator.normal(size=(count, dimension)) / np.sqrt(dimension)
    embeddings = unit(middles[generator.integers(kinds, size=count)] + noise)
    near = spread * generator.normal(size=(clusters, dimension)) / np.sqrt(dimension)
    sums = (middles[generator.integers(kinds, size=clusters)] + near).astype(np.float64)
    centroids = Centroids.from_sums(sums, generator.integers(1, 9, size=clusters), generator.random(clusters) > 0.2)
    expected = assign(embeddings, centroids, THRESHOLD)
    actual, _ = by_shortlist(embeddings, centroids, listed, block)
    assert actual == list(expected.decisions)


def test_assign__stops_where_a_centroid_elsewhere_could_matter() -> None:
    """The first embedding drags the nearest centroid away from the second one; what comes after it is not on the list."""
    centroids = Centroids.from_sums(np.eye(3), np.ones(3, dtype=np.int64))
    embeddings = unit(np.array([[1.0, 0.6, 0.0], [1.0, 0.0, 0.5]]))
    some = Centroids.from_sums(np.eye(3)[:2], np.ones(2, dtype=np.int64))
    outcome = assign(embeddings, some, THRESHOLD, np.array([0.0, 0.45], dtype=np.float32))
    assert [one.row for one in outcome.decisions] == [0]
    assert len(assign(embeddings, centroids, THRESHOLD).decisions) == 2


@pytest.mark.parametrize("listed", [1, 4])
def test_shortlist__reach_is_the_best_of_those_that_were_not_kept(listed: int) -> None:
    generator = np.random.default_rng(1)
    embeddings, units = unit(generator.normal(size=(5, 16))), unit(generator.normal(size=(30, 16)))
    shortlist = Shortlist(embeddings, listed)
    for start in range(0, 30, 7):
        shortlist.look_at(np.arange(start, min(start + 7, 30)), units[start : start + 7])
    products = -np.sort(-(embeddings @ units.T), axis=1)
    np.testing.assert_allclose(shortlist.reach, products[:, listed], atol=1e-6)
    assert set(shortlist.cluster_ids) == set(np.argsort(-(embeddings @ units.T), axis=1)[:, :listed].ravel())
