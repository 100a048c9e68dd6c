"""What deserves a look, against plain computations."""

import numpy as np
import pytest

from backend.rules.review import BOUNDS, incoherence_bound, measure_cohesion, most_urgent, near_centroids, robust_z
from backend.rules.review import findings as finding
from backend.rules.review.queues import MOST_ITEMS
from backend.vectors import unit_rows


def test_most_urgent__greatest_first_without_nan() -> None:
    assert most_urgent(np.array([0.5, np.nan, 2.0, 1.0, 1.0]), 1.0).tolist() == [2, 3, 4]
    assert len(most_urgent(np.ones(MOST_ITEMS + 1), 0.0)) == MOST_ITEMS


def test_robust_z__median_of_each_group() -> None:
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 7, 300)
    similarities = generator.uniform(0.5, 1.0, 300)
    z, medians = robust_z(similarities, groups, BOUNDS)
    for group in range(7):
        own = similarities[groups == group]
        median = np.median(own)
        deviation = 1.4826 * np.median(np.abs(own - median))
        assert medians[groups == group] == pytest.approx(median)
        assert z[groups == group] == pytest.approx((own - median) / deviation)


def test_robust_z__tight_and_small_groups() -> None:
    similarities = np.array([0.99, 0.99, 0.99, 0.99, 0.985, 0.9, 0.5, 0.9])
    z, _ = robust_z(similarities, np.array([1, 1, 1, 1, 1, 2, 2, 2]), BOUNDS)
    # Half a hundredth off is nothing, however tight the others are; three members have no outlier.
    assert z[4] == pytest.approx(-0.5)
    assert np.isnan(z[5:]).all()


def test_measure_cohesion__is_that_of_all_pairs() -> None:
    generator = np.random.default_rng(1)
    ids, to_centroid, expected = [], [], []
    for cluster_id, size in ((7, 1), (3, 2), (12, 9)):
        units = unit_rows(generator.normal(size=(size, 5)) + 1.5)
        centroid = unit_rows(units.sum(axis=0)[None])[0]
        ids += [cluster_id] * size
        to_centroid += (units @ centroid).tolist()
        expected.append((cluster_id, (units @ units.T)[np.triu_indices(size, 1)].mean() if size > 1 else np.nan))
    cohesion = measure_cohesion(np.array(to_centroid), np.array(ids))
    assert cohesion.cluster_ids.tolist() == [3, 7, 12]
    assert cohesion.sizes.tolist() == [2, 1, 9]
    assert cohesion.mean_pairwise == pytest.approx(np.array([value for _, value in sorted(expected)]), nan_ok=True)


@pytest.mark.parametrize(
    ("pairwise", "bound"),
    [
        ([0.5] * 9, 0.8**2),  # a library that is loose throughout: only what cannot be right
        ([0.99] * 9, 0.8),  # a tight one: never more than the threshold
        ([0.74, 0.76] * 5, 0.75 - 3.5 * 1.4826 * 0.01),
    ],
)
def test_incoherence_bound__between_the_threshold_and_its_square(pairwise: list[float], bound: float) -> None:
    sizes = np.full(len(pairwise), 10)
    cohesion = finding.Cohesion(np.arange(len(pairwise)), sizes, np.array(pairwise) ** 0.5, np.array(pairwise))
    assert incoherence_bound(cohesion, 0.8, BOUNDS) == pytest.approx(bound)


def test_incoherence_bound__no_cluster_large_enough() -> None:
    cohesion = measure_cohesion(np.ones(2), np.array([1, 2]))
    assert incoherence_bound(cohesion, 0.8, BOUNDS) == pytest.approx(0.64)


@pytest.mark.parametrize("entries", [1 << 22, 130])
def test_near_centroids__in_blocks_of_any_size(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_BLOCK_ENTRIES", entries)
    centroids = unit_rows(np.random.default_rng(2).normal(size=(60, 6)) + 0.7).astype(np.float32)
    first, second, similarities = near_centroids(centroids, 0.8)
    every = centroids @ centroids.T
    rows, columns = np.nonzero(np.triu(every >= 0.8, 1))
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == set(
        zip(rows.tolist(), columns.tolist(), strict=True)
    )
    assert len(first) > 10
    assert (np.diff(similarities) <= 0).all()
    assert similarities == pytest.approx(every[first, second], abs=1e-6)


def test_near_centroids__keeps_the_most_similar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_BLOCK_ENTRIES", 100)
    monkeypatch.setattr(finding, "MOST_ITEMS", 5)
    centroids = unit_rows(np.random.default_rng(3).normal(size=(50, 4)) + 1).astype(np.float32)
    every = np.sort((centroids @ centroids.T)[np.triu_indices(50, 1)])[::-1]
    _, _, similarities = near_centroids(centroids, 0.0)
    assert similarities == pytest.approx(every[:5], abs=1e-6)
