"""Fusion against the definitions written out, and the order of ties."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InputError
from backend.rules.search import Backgrounds, FusionMethod, fuse, rank
from backend.rules.search.calibration import Background
from backend.rules.search.fusion import fuse_calibrated, fuse_raw, fuse_rrf

NAN = math.nan
cosine_or_missing = st.one_of(st.integers(-4, 4).map(lambda step: step / 4), st.floats(-1, 1), st.just(NAN))
legs = st.lists(st.tuples(cosine_or_missing, cosine_or_missing), max_size=30)
alphas = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]))


def unzipped(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [image for image, _ in pairs], [text for _, text in pairs]


def normal_background(mean: float, std: float) -> Background:
    steps = [NormalDist(mean, std).inv_cdf((step + 0.5) / 20_000) for step in range(20_000)]
    return Background.from_sample(steps)


@given(pairs=legs, alpha=alphas)
def test_fuse_raw__definition(pairs: list[tuple[float, float]], alpha: float) -> None:
    expected = [
        alpha * (0 if math.isnan(image) else image) + (1 - alpha) * (0 if math.isnan(text) else text)
        for image, text in pairs
    ]
    fused = fuse_raw(*unzipped(pairs), alpha)
    assert fused.combined.tolist() == expected
    np.testing.assert_array_equal(fused.image, unzipped(pairs)[0])
    np.testing.assert_array_equal(fused.text, unzipped(pairs)[1])


@given(pairs=legs, alpha=alphas, constant=st.sampled_from([0.0, 1.0, 60.0]))
def test_fuse_rrf__definition(pairs: list[tuple[float, float]], alpha: float, constant: float) -> None:
    def term(leg: list[float], own: float) -> float:
        return 0.0 if math.isnan(own) else 1 / (constant + 1 + sum(other > own for other in leg))

    images, texts = unzipped(pairs)
    expected = [alpha * term(images, image) + (1 - alpha) * term(texts, text) for image, text in pairs]
    assert fuse_rrf(images, texts, alpha, constant).combined.tolist() == pytest.approx(expected)


def test_fuse_rrf__by_hand() -> None:
    fused = fuse_rrf([0.9, 0.8, 0.8, 0.1], [NAN, 0.2, 0.7, NAN], alpha=0.75)
    assert fused.image.tolist() == pytest.approx([1 / 61, 1 / 62, 1 / 62, 1 / 64])
    assert fused.combined.tolist() == pytest.approx(
        [0.75 / 61, 0.75 / 62 + 0.25 / 62, 0.75 / 62 + 0.25 / 61, 0.75 / 64]
    )
    assert np.isnan(fused.text).tolist() == [True, False, False, True]


def test_fuse_calibrated__each_leg_by_its_own_background() -> None:
    backgrounds = Backgrounds(normal_background(0.2, 0.03), normal_background(0.3, 0.2))
    fused = fuse_calibrated([0.26, 0.2, NAN], [0.3, 0.7, 0.5], 0.6, backgrounds)
    two, one, middle = (-math.log(NormalDist().cdf(-deviations)) - 1 for deviations in (2, 1, 0))
    assert fused.image.tolist() == pytest.approx([two, middle, NAN], abs=0.02, nan_ok=True)
    assert fused.text.tolist() == pytest.approx([middle, two, one], abs=0.02)
    assert fused.combined.tolist() == pytest.approx(
        [0.6 * two + 0.4 * middle, 0.6 * middle + 0.4 * two, 0.4 * one], abs=0.02
    )
    # Raw sums put the one with the words first: 0.4 against 0.276.
    assert rank(fused.combined)[0] == 0
    assert rank(fuse_raw([0.26, 0.2, NAN], [0.3, 0.7, 0.5], 0.6).combined)[0] == 1


def test_fuse_calibrated__leg_without_background() -> None:
    no_text = Backgrounds(normal_background(0.2, 0.03), None)
    surprise = -math.log(NormalDist().cdf(-2)) - 1
    assert fuse_calibrated([0.26], [NAN], 0.5, no_text).combined.tolist() == pytest.approx([surprise / 2], abs=0.01)
    with pytest.raises(InputError) as caught:
        fuse_calibrated([0.26], [0.5], 0.5, no_text)
    assert caught.value.context == {"field": "method"}


def test_fuse__dispatches() -> None:
    backgrounds = Backgrounds(normal_background(0.2, 0.03), normal_background(0.3, 0.2))
    image, text = [0.26, 0.2], [0.3, 0.7]
    for method, direct in (
        (FusionMethod.RAW, fuse_raw(image, text, 0.4)),
        (FusionMethod.RRF, fuse_rrf(image, text, 0.4)),
        (FusionMethod.CALIBRATED, fuse_calibrated(image, text, 0.4, backgrounds)),
    ):
        assert fuse(method, image, text, 0.4, backgrounds).combined.tolist() == direct.combined.tolist()
    assert fuse(FusionMethod.RAW, image, text, 0.4, None).combined.tolist() == pytest.approx([0.284, 0.5])
    with pytest.raises(InputError):
        fuse(FusionMethod.CALIBRATED, image, text, 0.4, None)


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 1.0, NAN]), st.integers(0, 3)), max_size=30
    )
)
def test_rank__as_sorted(rows: list[tuple[float, float, int]]) -> None:
    combined, sim_image, ids = (np.array([row[column] for row in rows]) for column in range(3))
    expected = sorted(
        range(len(rows)),
        key=lambda row: (-rows[row][0], math.inf if math.isnan(rows[row][1]) else -rows[row][1], rows[row][2], row),
    )
    assert rank(combined, -sim_image, ids).tolist() == expected


def test_rank__refuses_nan() -> None:
    with pytest.raises(ValueError, match="NaN"):
        rank([1.0, NAN])


@pytest.mark.parametrize("alpha", [-0.01, 1.01, NAN, math.inf])
@pytest.mark.parametrize("method", list(FusionMethod))
def test_fuse__refuses_alpha(method: FusionMethod, alpha: float) -> None:
    with pytest.raises(InputError) as caught:
        fuse(method, [0.5], [0.5], alpha, Backgrounds(None, None))
    assert caught.value.context == {"field": "alpha"}


@pytest.mark.parametrize(("image", "text"), [([0.5], []), ([math.inf], [0.5]), ([[0.5]], [[0.5]])])
def test_fuse__refuses_legs_that_do_not_fit(image: list[float], text: list[float]) -> None:
    with pytest.raises(ValueError, match="leg"):
        fuse_raw(image, text, 0.5)


@pytest.mark.parametrize("constant", [-1.0, NAN, math.inf])
def test_fuse_rrf__refuses_constant(constant: float) -> None:
    with pytest.raises(InputError):
        fuse_rrf([0.5], [0.5], 0.5, constant)
