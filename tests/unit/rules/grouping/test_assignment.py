"""`assign` decides as one-by-one assignment does: held to a naive reference on random and on awkward input."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.errors import InvalidVector
from backend.rules.grouping import Assignment, CentroidCache, Centroids, assign

THRESHOLD = 0.82


@dataclass
class NaiveAssigner:
    """One embedding after the other, every centroid measured, in double precision. Slow and plain."""

    threshold: float
    sums: list[NDArray[np.float64]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def add(self, embedding: NDArray[np.floating]) -> tuple[int, float, bool, int | None, float | None]:
        vector = np.asarray(embedding, dtype=np.float64)
        vector = vector / np.sqrt(np.einsum("i,i->", vector, vector))
        similarities = [float(np.dot(vector, total) / np.sqrt(np.dot(total, total))) for total in self.sums]
        order = sorted(range(len(similarities)), key=lambda row: (-similarities[row], row))
        if order and similarities[order[0]] >= self.threshold:
            row, similarity, founder = order[0], similarities[order[0]], False
            self.sums[row] = self.sums[row] + vector
            self.counts[row] += 1
            others = order[1:]
        else:
            row, similarity, founder = len(self.sums), 1.0, True
            self.sums.append(vector)
            self.counts.append(1)
            others = order
        runner_up = others[0] if others else None
        return row, similarity, founder, runner_up, None if runner_up is None else similarities[runner_up]


def run_in_batches(
    embeddings: NDArray[np.floating], threshold: float, batch_sizes: list[int]
) -> tuple[list[tuple[int, float, bool, int | None, float | None]], CentroidCache]:
    dimension = embeddings.shape[1]
    cache = CentroidCache(
        np.empty(0, np.int64), np.empty((0, dimension)), np.empty(0, np.int64), np.empty(0, np.bool_), version=0
    )
    rows = []
    start = 0
    while start < len(embeddings):
        size = batch_sizes[cache.version % len(batch_sizes)]
        outcome = assign(embeddings[start : start + size], cache.centroids, threshold)
        founded = [int(row) for row in outcome.rows if row >= len(cache.cluster_ids)]
        cache.apply(outcome, founded, cache.version + 1)
        rows += [(d.row, d.similarity, d.founder, d.runner_up, d.runner_up_similarity) for d in outcome.decisions]
        start += size
    return rows, cache


def assert_same_as_naive(embeddings: NDArray[np.floating], threshold: float, batch_sizes: list[int]) -> None:
    naive = NaiveAssigner(threshold)
    expected = [naive.add(embedding) for embedding in embeddings]
    actual, cache = run_in_batches(embeddings, threshold, batch_sizes)
    assert [(row, founder, runner_up) for row, _, founder, runner_up, _ in actual] == [
        (row, founder, runner_up) for row, _, founder, runner_up, _ in expected
    ]
    for mine, theirs in zip(actual, expected, strict=True):
        assert mine[1] == pytest.approx(theirs[1], abs=1e-14)
        assert mine[4] == pytest.approx(theirs[4], abs=1e-14)
    assert cache.centroids.counts.tolist() == naive.counts
    np.testing.assert_allclose(cache.centroids.sums, np.array(naive.sums), rtol=0, atol=1e-12)


def mixture(seed: int, count: int, dimension: int, centres: int, spread: float) -> NDArray[np.float32]:
    """Unit vectors (count, dimension) about a few centres; spread 0.3 or so straddles the threshold."""
    generator = np.random.default_rng(seed)
    middles = generator.normal(size=(centres, dimension))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    points = middles[generator.integers(centres, size=count)]
    points = points + spread * generator.normal(size=points.shape) / np.sqrt(dimension)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def at_angle(similarity: float, dimension: int = 8) -> NDArray[np.float64]:
    vector = np.zeros(dimension)
    vector[0], vector[1] = similarity, np.sqrt(1 - similarity * similarity)
    return vector


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 120),
    dimension=st.sampled_from([2, 3, 8, 64, 512]),
    centres=st.integers(1, 12),
    spread=st.floats(0.0, 2.0),
    threshold=st.sampled_from([0.5, 0.82, 0.95, 1.0]),
    batch_sizes=st.lists(st.integers(1, 256), min_size=1, max_size=4),
)
def test_assign__random_mixtures(
    seed: int, count: int, dimension: int, centres: int, spread: float, threshold: float, batch_sizes: list[int]
) -> None:
    assert_same_as_naive(mixture(seed, count, dimension, centres, spread), threshold, batch_sizes)


@settings(max_examples=150)
@given(
    picks=st.lists(st.integers(0, 5), min_size=1, max_size=80),
    batch_sizes=st.lists(st.integers(1, 256), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_assign__exact_ties(picks: list[int], batch_sizes: list[int], seed: int) -> None:
    """Few distinct vectors, many repeats: equal sums and equal similarities all the time; the oldest must win."""
    distinct = np.concatenate([np.eye(3), mixture(seed, 3, 3, 3, 1.0)]).astype(np.float32)
    # Halfway between two axes: exactly as near to one as to the other.
    distinct[2] = np.array([1.0, 1.0, 0.0], dtype=np.float32)
    assert_same_as_naive(distinct[picks], 0.7, batch_sizes)


@settings(max_examples=200)
@given(
    offsets=st.lists(st.floats(-1e-6, 1e-6), min_size=1, max_size=40),
    batch_sizes=st.lists(st.integers(1, 256), min_size=1, max_size=4),
)
def test_assign__within_a_millionth_of_the_threshold(offsets: list[float], batch_sizes: list[int]) -> None:
    """Each vector is in a plane of its own with the founder, so each is decided by its own hair's breadth."""
    dimension = len(offsets) + 1
    rows = np.zeros((len(offsets) + 1, dimension))
    rows[0, 0] = 1.0
    for position, offset in enumerate(offsets, start=1):
        similarity = THRESHOLD + offset
        rows[position, 0] = similarity
        rows[position, position] = np.sqrt(1 - similarity * similarity)
    assert_same_as_naive(rows, THRESHOLD, batch_sizes)


@pytest.mark.parametrize("offset", [-1e-6, -1e-7, -1e-9, -1e-12, 1e-12, 1e-9, 1e-7, 1e-6])
def test_assign__hair_beside_the_threshold_is_not_lost_to_single_precision(offset: float) -> None:
    founder = np.zeros(8)
    founder[0] = 1.0
    outcome = assign(np.array([founder, at_angle(THRESHOLD + offset)]), Centroids.empty(8), THRESHOLD)
    assert outcome.decisions[1].founder is (offset < 0)


def test_assign__at_the_threshold_joins() -> None:
    outcome = assign(np.array([[1.0, 0.0], [0.6, 0.8]]), Centroids.empty(2), threshold=0.6)
    assert not outcome.decisions[1].founder
    assert outcome.decisions[1].similarity == pytest.approx(0.6, abs=1e-15)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 16, 64, 255, 256])
def test_assign__every_batch_size_gives_the_same(batch_size: int) -> None:
    assert_same_as_naive(mixture(7, 300, 32, 9, 0.75), THRESHOLD, [batch_size])


def test_assign__clusters_founded_inside_a_batch_take_members() -> None:
    outcome = assign(np.array([[1.0, 0.0], [0.0, 1.0], [0.99, 0.1], [0.1, 0.99]]), Centroids.empty(2), THRESHOLD)
    assert [decision.row for decision in outcome.decisions] == [0, 1, 0, 1]
    assert outcome.counts.tolist() == [2, 2]


def test_assign__records_runner_up_and_margin() -> None:
    centroids = Centroids.from_sums(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1, 2]))
    joined = assign(np.array([[0.8, 0.6]]), centroids, threshold=0.7).decisions[0]
    assert (joined.row, joined.runner_up) == (0, 1)
    assert joined.runner_up_similarity == pytest.approx(0.6)
    assert joined.margin == pytest.approx(0.1)
    close = assign(np.array([[0.8, 0.6]]), centroids, threshold=0.3).decisions[0]
    assert close.margin == pytest.approx(0.2)
    founded = assign(np.array([[0.8, 0.6]]), centroids, threshold=0.9).decisions[0]
    assert (founded.row, founded.founder, founded.runner_up, founded.similarity) == (2, True, 0, 1.0)
    assert founded.margin == pytest.approx(0.1)


def test_assign__locked_cluster_takes_nobody() -> None:
    centroids = Centroids.from_sums(np.eye(2), np.array([1, 1]), np.array([False, True]))
    decisions = assign(np.array([[1.0, 0.0], [1.0, 0.0]]), centroids, THRESHOLD).decisions
    assert [decision.row for decision in decisions] == [2, 2]


def test_assign__does_not_change_its_input() -> None:
    centroids = Centroids.from_sums(np.eye(4), np.ones(4, dtype=np.int64))
    before = [array.copy() for array in (centroids.sums, centroids.counts, centroids.units)]
    assign(mixture(3, 50, 4, 2, 0.5), centroids, THRESHOLD)
    for array, copy in zip((centroids.sums, centroids.counts, centroids.units), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    "vector", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 0.0], [-np.inf, 1.0], [1e200, 1e200], [1.0, 0.0, 0.0]]
)
def test_assign__refuses_what_has_no_direction(vector: list[float]) -> None:
    with pytest.raises(InvalidVector):
        assign(np.array([vector]), Centroids.empty(2), THRESHOLD)


def test_assign__names_both_dimensions_where_they_differ() -> None:
    with pytest.raises(InvalidVector, match="have 3 dimensions, the centroids 2"):
        assign(np.array([[1.0, 0.0, 0.0]]), Centroids.empty(2), THRESHOLD)


def test_assign__empty_batch() -> None:
    outcome: Assignment = assign(np.empty((0, 3)), Centroids.empty(3), THRESHOLD)
    assert outcome.decisions == ()
    assert outcome.sums.shape == (0, 3)


def test_centroids__units_are_single_precision_and_counts_are_whole() -> None:
    empty = Centroids.empty(3)
    assert (empty.counts.shape, empty.counts.dtype) == ((0,), np.dtype(np.int64))
    assert Centroids.from_sums(np.eye(3), np.ones(3, dtype=np.int64)).units.dtype == np.float32
    outcome = assign(np.eye(3), empty, THRESHOLD)
    assert (outcome.rows.dtype, outcome.counts.dtype) == (np.dtype(np.int64), np.dtype(np.int64))


def test_assign__stops_where_a_centroid_elsewhere_may_tie_with_the_runner_up() -> None:
    centroids = Centroids.from_sums(np.eye(2), np.array([1, 1]))
    rounding = 2 * (2 + 2) * 2.0**-24  # a product this far below the runner-up's 0 may stand for the same cosine
    may_tie = np.array([-rounding], dtype=np.float32)
    assert assign(np.array([[1.0, 0.0]]), centroids, THRESHOLD, may_tie).decisions == ()
    below = np.nextafter(may_tie, np.float32(-1))
    assert len(assign(np.array([[1.0, 0.0]]), centroids, THRESHOLD, below).decisions) == 1


@pytest.mark.parametrize("seed", range(5))
def test_assign__nearest_among_many_that_single_precision_cannot_tell_apart(seed: int) -> None:
    """Cosines 1e-10 apart: single precision ranks them by its rounding errors, the decision must not."""
    generator = np.random.default_rng(seed)
    dimension, count = 64, 40
    query = np.full(dimension, dimension**-0.5)
    noise = generator.normal(size=(count, dimension))
    noise -= np.outer(noise @ query, query)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    similarities = 0.9 + 1e-10 * generator.permutation(count)
    members = similarities[:, None] * query + np.sqrt(1 - similarities**2)[:, None] * noise
    decision = assign(query[None], Centroids.from_sums(members, np.ones(count, dtype=np.int64)), THRESHOLD).decisions[0]
    assert (decision.row, decision.runner_up) == tuple(np.argsort(-similarities)[:2])


@pytest.mark.parametrize("seed", range(5))
def test_assign__nearest_among_many_of_its_batch_that_rounding_cannot_tell_apart(seed: int) -> None:
    """Equal cosines but for rounding: the matrix product ranks the founded clusters otherwise than the measurement."""
    generator = np.random.default_rng(seed)
    dimension, count, similarity = 64, 40, 0.85
    query = np.full(dimension, dimension**-0.5)
    noise = generator.normal(size=(count, dimension))
    noise -= np.outer(noise @ query, query)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    founders = similarity * query + np.sqrt(1 - similarity**2) * noise
    assert_same_as_naive(np.vstack([founders, query]), 0.849, [count + 1])
