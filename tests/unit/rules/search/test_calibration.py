"""Backgrounds: normal scores that are right inside, go on beyond the sample, and survive storing and merging."""

import json
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import ConfigurationError, InputError
from backend.rules.search import LEAST_SAMPLE, Backgrounds, Centre, surprise_of
from backend.rules.search.calibration import Background, evidence_of, weight_of

NAN = math.nan


def exact_normal(mean: float, std: float, count: int = 20_000) -> Background:
    return Background.from_sample(
        [NormalDist(mean, std).inv_cdf((step + 0.5) / count) for step in range(count)],
    )


def skewed(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 0.08, count)


def test_calibrate__equals_z_on_a_normal_background() -> None:
    background = exact_normal(0.22, 0.03)
    deviates = np.array([-5.0, -3.0, -1.0, 0.0, 0.5, 2.0, 3.0, 5.0])
    similarities = 0.22 + 0.03 * deviates
    np.testing.assert_allclose(background.calibrate(similarities), deviates, atol=0.12)
    np.testing.assert_allclose(background.z(similarities), deviates, atol=0.01)
    expected = [NormalDist().cdf(deviate) for deviate in deviates]
    np.testing.assert_allclose(background.percentile(similarities), expected, atol=0.002)


def test_percentile__of_a_skewed_background() -> None:
    background = Background.from_sample(skewed(1, 20_000))
    fresh = skewed(2, 20_000)
    for quantile in (0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        found = float(background.percentile(np.quantile(fresh, quantile)))
        assert found == pytest.approx(quantile, abs=0.4 * min(quantile, 1 - quantile) + 0.001)
    # Its mean is above its middle, and three standard deviations are nothing special in it.
    assert float(background.calibrate(background.mean)) > 0.1
    assert float(background.calibrate(background.mean + 3 * background.std)) < 2.6


def test_calibrate__each_tail_by_its_own_shape() -> None:
    upper, lower = Background.from_sample(skewed(1, 20_000)), Background.from_sample(-skewed(1, 20_000))
    rare = np.quantile(skewed(2, 400_000), 0.9998)
    assert float(upper.calibrate(rare)) == pytest.approx(NormalDist().inv_cdf(0.9998), abs=0.25)
    np.testing.assert_allclose(lower.calibrate([-rare, 0.5]), -upper.calibrate([rare, -0.5]), rtol=0.01)


def test_percentile__within_zero_and_one_and_still_apart_beyond_the_sample() -> None:
    background = exact_normal(0.22, 0.03, 2_000)
    far = np.array([0.33, 0.36, 0.39, 0.42])
    percentiles = background.percentile(far)
    assert (np.diff(percentiles) > 0).all()
    assert (percentiles < 1).all()
    assert background.percentile([-1.0, 1.0]).tolist() == pytest.approx([0.0, 1.0], abs=1e-9)
    assert (np.diff(background.calibrate(np.linspace(-1, 1, 500))) > 0).all()


@settings(max_examples=150)
@given(
    sample=st.lists(
        st.one_of(st.floats(-1, 1), st.integers(-4, 4).map(lambda step: step / 4)),
        min_size=LEAST_SAMPLE,
        max_size=400,
    ),
    queried=st.lists(st.floats(-1, 1), min_size=2, max_size=30),
)
def test_calibrate__increasing_and_inverted_whatever_the_sample(sample: list[float], queried: list[float]) -> None:
    background = Background.from_sample(sample)
    similarities = np.unique(np.round(queried, 6))
    scores = background.calibrate(similarities)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()
    np.testing.assert_allclose(background.similarity_at(scores), similarities, atol=1e-7)


def test_calibrate__all_equal_sample() -> None:
    background = Background.from_sample(np.full(500, 0.5))
    below, middle, above = background.calibrate([0.4, 0.5, 0.6]).tolist()
    assert middle == pytest.approx(0.0)
    assert below == pytest.approx(-above)
    assert above > 10
    assert np.isfinite(background.z([0.4, 0.6])).all()


def test_calibrate__nan_and_shapes() -> None:
    background = exact_normal(0.0, 0.1, 500)
    assert background.calibrate([NAN, 0.0]).tolist() == pytest.approx([NAN, 0.0], abs=0.01, nan_ok=True)
    assert background.calibrate(np.zeros((2, 3))).shape == (2, 3)
    assert background.percentile(np.zeros((2, 3))).shape == (2, 3)
    assert background.calibrate([]).shape == (0,)


def test_from_sample__leaves_out_nan_and_refuses_too_few_and_infinite() -> None:
    assert Background.from_sample([*range(LEAST_SAMPLE), NAN]).count == LEAST_SAMPLE
    with pytest.raises(InputError, match="rrf"):
        Background.from_sample([*range(LEAST_SAMPLE - 1), NAN])
    with pytest.raises(InputError, match="infinite"):
        Background.from_sample([*range(LEAST_SAMPLE), math.inf])


def test_to_json__round_trip() -> None:
    background = Background.from_sample(skewed(3, 3_000))
    again = Background.from_json(json.loads(json.dumps(background.to_json())))
    grid = np.linspace(-1, 1, 99)
    np.testing.assert_array_equal(again.calibrate(grid), background.calibrate(grid))
    assert (again.count, again.mean, again.std) == (3_000, background.mean, background.std)


@pytest.mark.parametrize(
    "damage", [{"quantiles": [1.0, 2.0]}, {"quantiles": [2.0, 1.0] * 128 + [3.0]}, {"upper": {}}, {"mean": "x"}]
)
def test_from_json__damaged(damage: dict[str, object]) -> None:
    stored = exact_normal(0.0, 0.1, 500).to_json()
    with pytest.raises(ConfigurationError, match="Sample the background"):
        Background.from_json(stored | damage)
    with pytest.raises(ConfigurationError):
        Background.from_json({key: stored[key] for key in stored if key not in damage})


def test_merged__is_the_mixture() -> None:
    old, new = np.random.default_rng(4).normal(0.2, 0.03, 30_000), np.random.default_rng(5).normal(0.3, 0.06, 10_000)
    together = Background.from_sample(np.concatenate([old, new]))
    merged = Background.from_sample(old).merged(Background.from_sample(new))
    assert merged.count == 40_000
    assert (merged.mean, merged.std) == pytest.approx((together.mean, together.std))
    inside = np.linspace(0.13, 0.45, 50)
    np.testing.assert_allclose(merged.calibrate(inside), together.calibrate(inside), atol=0.05)
    np.testing.assert_allclose(merged.calibrate([0.6]), together.calibrate([0.6]), rtol=0.15)


def test_merged__weight() -> None:
    old, new = exact_normal(0.2, 0.03, 5_000), exact_normal(0.5, 0.1, 500)
    grid = np.linspace(0.0, 0.8, 50)
    np.testing.assert_allclose(old.merged(new, weight=0.0).calibrate(grid), old.calibrate(grid), rtol=0.03, atol=0.02)
    np.testing.assert_allclose(old.merged(new, weight=1.0).calibrate(grid), new.calibrate(grid), rtol=0.06, atol=0.02)
    assert old.merged(new, weight=0.5).mean == pytest.approx(0.35, abs=1e-3)
    assert old.merged(new).mean == pytest.approx((10 * 0.2 + 0.5) / 11, abs=1e-3)
    with pytest.raises(InputError):
        old.merged(new, weight=1.5)


def test_merged__many_times_stays_the_same() -> None:
    background = Background.from_sample(skewed(6, 20_000))
    often = background
    for _ in range(10):
        often = often.merged(background, weight=0.3)
    grid = np.linspace(0.0, 0.8, 50)
    np.testing.assert_allclose(often.calibrate(grid), background.calibrate(grid), atol=0.06)


def test_surprise__definition_and_far_tails() -> None:
    normal = NormalDist()
    near = np.linspace(-8, 5, 60)
    expected = [
        -math.log1p(-normal.cdf(score)) - 1 if score < 0 else -math.log(normal.cdf(-score)) - 1 for score in near
    ]
    np.testing.assert_allclose(surprise_of(near), expected, rtol=1e-9)
    far = surprise_of(np.array([-40.0, 29.9, 30.1, 60.0, 1e4]))
    assert np.isfinite(far).all()
    assert (np.diff(far) > 0).all()
    assert far[2] - far[1] == pytest.approx(
        0.2 * 30, rel=0.01
    )  # its slope is the deviate, across the seam of both ways
    assert math.isnan(surprise_of(np.array([NAN]))[0])
    background = Background.from_sample(np.random.default_rng(3).normal(0.3, 0.1, 20_000))
    chance = background.surprise(np.random.default_rng(4).normal(0.3, 0.1, 20_000))
    assert chance.mean() == pytest.approx(0.0, abs=0.03)  # a side that is missing counts as chance


def test_backgrounds__about_a_query() -> None:
    """A query that is nearer to everything has a background that is nearer by as much."""
    generator = np.random.default_rng(5)
    sample = generator.normal(0.3, 0.1, 5_000)
    centre = Centre(np.array([0.6, 0.0]), level=0.2)
    backgrounds = Backgrounds.from_pairs(sample, sample, centre, None)
    assert centre.shift([0.5, 0.8]) == pytest.approx(0.1)
    about = Backgrounds.from_json(json.loads(json.dumps(backgrounds.to_json()))).about([0.5, 0.8], [1.0])
    image, text = about.calibrate([0.5], [0.5])
    assert (image, text) == (backgrounds.calibrate([0.4], [0.5])[0], backgrounds.calibrate([0.4], [0.5])[1])
    assert backgrounds.about(None, None).calibrate([0.5], [0.5])[0] == text
    assert about.image is not None
    assert about.image.similarity_at([1.0]) == pytest.approx(backgrounds.image.similarity_at([1.0]) + 0.1)  # type: ignore[union-attr]
    newer = backgrounds.merged(Backgrounds.from_pairs(sample, sample, Centre(np.array([0.0, 1.0]), 0.6), centre), 0.25)
    assert newer.image_centre is not None
    assert newer.image_centre.mean.tolist() == pytest.approx([0.45, 0.25])
    assert newer.image_centre.level == pytest.approx(0.3)
    assert newer.text_centre is centre


def test_backgrounds__from_pairs() -> None:
    generator = np.random.default_rng(7)
    common, image, text = generator.normal(size=(3, 20_000))
    sim_image, sim_text = 0.2 + 0.03 * (common + image), 0.3 + 0.1 * (common + text)
    sim_text[:4_000] = NAN
    backgrounds = Backgrounds.from_pairs(sim_image, sim_text)
    assert backgrounds.correlation == pytest.approx(0.5, abs=0.03)
    assert backgrounds.image is not None
    assert backgrounds.text is not None
    assert (backgrounds.image.count, backgrounds.text.count) == (20_000, 16_000)
    assert Backgrounds.from_pairs(sim_image, -sim_text).correlation == 0.0
    assert Backgrounds.from_pairs(sim_image, np.full(20_000, NAN)).text is None


def test_backgrounds__stored_and_merged_with_a_leg_missing() -> None:
    sample = skewed(8, 1_000)
    missing = np.full(1_000, NAN)
    no_text = Backgrounds.from_json(json.loads(json.dumps(Backgrounds.from_pairs(sample, missing).to_json())))
    assert no_text.text is None
    both = Backgrounds.from_pairs(sample, sample)
    merged = no_text.merged(both)
    assert merged.text is both.text
    assert merged.image is not None
    assert merged.image.count == 2_000
    assert no_text.correlation == 0.0
    assert both.correlation == pytest.approx(1.0)
    assert merged.correlation == pytest.approx(0.5)
    assert both.merged(no_text, weight=0.2).correlation == pytest.approx(0.8)
    assert Backgrounds(None, None).merged(Backgrounds(None, None)).image is None
    with pytest.raises(ConfigurationError):
        Backgrounds.from_json({"image": None})


def test_evidence__chance_is_0_and_a_related_pair_10() -> None:
    chance = np.random.default_rng(2).normal(size=400_000)
    for related in (3.0, 4.5, 6.0):
        assert evidence_of(chance, related).mean() == pytest.approx(0.0, abs=0.02)
        assert evidence_of(np.array([related]), related)[0] == pytest.approx(10.0, rel=0.03)
    # What is no yardstick, or beyond all samples, counts as the nearest that is one.
    assert weight_of(0.5) == weight_of(3.0) > weight_of(6.0) == weight_of(12.0)
    scores = np.linspace(-5, 12, 200)
    assert (np.diff(evidence_of(scores, 4.0)) > 0).all()
    np.testing.assert_array_equal(evidence_of(scores, None), surprise_of(scores))
    assert math.isnan(evidence_of(np.array([NAN]), 4.0)[0])


def test_backgrounds__related_pairs_are_the_yardstick_of_each_leg() -> None:
    generator = np.random.default_rng(3)
    image, text = generator.normal(0.2, 0.03, 20_000), generator.normal(0.3, 0.1, 20_000)
    plain = Backgrounds.from_pairs(image, text)
    learned = plain.with_related(generator.normal(0.2 + 5 * 0.03, 0.01, 500), [*generator.normal(0.65, 0.05, 500), NAN])
    assert learned.image_related == pytest.approx(5.0, abs=0.3)
    assert learned.text_related == pytest.approx(3.5, abs=0.2)
    again = Backgrounds.from_json(json.loads(json.dumps(learned.to_json())))
    evidence = again.surprise([0.35, 0.2 + 3.5 * 0.03], [0.65, NAN])
    assert evidence[0][0] == pytest.approx(10.0, abs=1.0)
    assert evidence[1][0] == pytest.approx(10.0, abs=1.0)
    # As rare as a hit of the other leg, but not yet one of its own.
    assert evidence[0][1] < 6.0
    assert learned.merged(plain, 0.5).image_related == learned.image_related
    # A leg without related pairs says nothing of how the legs compare.
    for other in (plain.with_related([0.35] * 500, [0.6] * 50), plain.with_related([NAN] * 500, [0.6] * 500)):
        for one, expected in zip(other.surprise([0.35], [0.65]), plain.surprise([0.35], [0.65]), strict=True):
            assert one.tolist() == expected.tolist()
        assert other.weights == (1.0, 1.0)
