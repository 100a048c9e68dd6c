"""Intervals by resampling: do they hold the truth as often as they say, and does a seed decide them?"""

import numpy as np
import pytest

from backend.rules.measures import Bootstrap, Interval, resample


def test_mean__holds_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for seed in range(300):
        found = Bootstrap(seed, 400, 0.9).mean(generator.normal(5, 2, size=60))
        held += found.low <= 5 <= found.high
    # 270 expected; a binomial with 300 draws strays by 5 standard deviations of 5.2 only by a fault.
    assert 244 <= held <= 296


def test_seed_decides_and_pairs_are_drawn_together() -> None:
    values = np.random.default_rng(1).normal(size=(50, 2))
    one = Bootstrap(7, 200).means(values)
    assert np.array_equal(one, Bootstrap(7, 200).means(values))
    assert not np.array_equal(one, Bootstrap(8, 200).means(values))
    # The same queries are in both columns of a resample, so a constant difference is no chance at all.
    shifted = np.column_stack([values[:, 0], values[:, 0] - 0.1])
    drawn = Bootstrap(7, 200).means(shifted)
    assert drawn[:, 0] - drawn[:, 1] == pytest.approx(0.1)
    assert drawn[:, 0] == pytest.approx(one[:, 0])


def test_weights__are_the_same_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(Bootstrap(2, 30).weights(11)))
    monkeypatch.setattr("backend.rules.measures.bootstrap._BLOCK_DRAWS", 25)
    parts = list(Bootstrap(2, 30).weights(11))
    assert len(parts) == 15
    assert np.array_equal(np.concatenate(parts), whole)
    assert (whole.sum(axis=1) == 11).all()


def test_resample__equals_means_for_a_mean() -> None:
    values = np.random.default_rng(5).normal(size=(20, 3))
    found = resample(Bootstrap(4, 50), 20, lambda weights: weights @ values / 20)
    assert found == pytest.approx(Bootstrap(4, 50).means(values))


def test_best__is_sure_where_there_is_no_doubt() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(scale=0.3, size=(80, 1))
    values = noise + np.array([0.0, 0.5, 0.4999, -0.5]) + generator.normal(scale=0.01, size=(80, 4))
    bootstrap = Bootstrap(0, 500)
    best = bootstrap.best(values.mean(axis=0), bootstrap.means(values))
    assert best.index in {1, 2}
    assert best.as_good == (1, 2)
    assert {best.low, best.high} <= {1, 2}
    assert 0 < best.confidence < 1


def test_best__of_a_plateau_is_its_middle() -> None:
    values = np.tile([0.0, 1.0, 1.0, 1.0, 0.5], (10, 1))
    bootstrap = Bootstrap(0, 100)
    best = bootstrap.best(values.mean(axis=0), bootstrap.means(values))
    assert (best.index, best.confidence, best.low, best.high) == (2, 1.0, 2, 2)
    assert best.as_good == (1, 2, 3)


def test_mean__of_one_query_has_no_width() -> None:
    assert Bootstrap(0, 10).mean([0.25]) == Interval(0.25, 0.25, 0.25)


def test_refuses_what_has_no_meaning() -> None:
    for wrong in ({"resamples": 0}, {"level": 0.0}, {"level": 1.0}):
        with pytest.raises(ValueError, match="resample"):
            Bootstrap(0, **wrong)
    with pytest.raises(ValueError, match="nothing"):
        Bootstrap(0).means(np.empty((0, 2)))
    with pytest.raises(ValueError, match="no settings"):
        Bootstrap(0).best([], np.empty((5, 0)))
