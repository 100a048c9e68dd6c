"""Upper bounds for pictures that are not candidates, compared with all pictures that are not."""

import uuid
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.features.search.pool import Pool
from backend.features.search.ranking import nominating_alpha
from backend.features.search.unseen import most_similarity_unseen, most_unseen
from backend.rules.search import Backgrounds, FusionMethod, fuse, weighted_sum

GENERATOR = np.random.default_rng(4)
BACKGROUNDS = {
    "normal": Backgrounds.from_pairs(GENERATOR.normal(0.25, 0.02, 5_000), GENERATOR.normal(0.3, 0.1, 5_000)),
    "skewed": Backgrounds.from_pairs(GENERATOR.normal(0, 0.1, 5_000), 0.8 * GENERATOR.beta(0.4, 6, 5_000)),
}
SKEWED = BACKGROUNDS["skewed"]


def pool_of(
    image: np.ndarray, text: np.ndarray, depth: int, raw_alpha: float, beside: int = 1
) -> tuple[Pool, np.ndarray]:
    """The best `depth` by the raw sum, as many of those without text, the nearest of each leg; which media are outside."""
    raw = weighted_sum(image, text, raw_alpha)
    inside = np.zeros(len(image), dtype=bool)
    inside[np.argsort(-raw)[:depth]] = True
    textless = np.flatnonzero(np.isnan(text))
    inside[textless[np.argsort(-np.nan_to_num(image[textless]))[:depth]]] = True
    reach = []
    for leg in (image, text):
        nearest = np.argsort(-np.nan_to_num(leg, nan=-2.0))[:beside]
        inside[nearest] = True
        reach.append(None if beside == 1 or np.isnan(leg[nearest]).any() else float(leg[nearest].min()))
    rows = np.flatnonzero(inside)
    ids = [uuid.UUID(int=int(row)) for row in rows]
    whole = bool(inside.all())
    return Pool(ids, image[rows], text[rows], [()] * len(rows), False, whole, depth, *reach), ~inside


@given(
    seed=st.integers(0, 2**32 - 1),
    alpha=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    kind=st.sampled_from(sorted(BACKGROUNDS)),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    depth=st.integers(1, 60),
    has_image=st.booleans(),
    beside=st.integers(1, 10),
)
def test_most_unseen__nothing_outside_has_more(
    seed: int, alpha: float, kind: str, missing: float, depth: int, has_image: bool, beside: int
) -> None:
    generator = np.random.default_rng(seed)
    backgrounds = BACKGROUNDS[kind]
    image = generator.uniform(-1, 1, 80) if has_image else np.full(80, np.nan)
    text = np.where(generator.random(80) < missing, np.nan, generator.uniform(-1, 1, 80))
    raw_alpha = nominating_alpha(FusionMethod.CALIBRATED, alpha, backgrounds)
    pool, outside = pool_of(image, text, depth, raw_alpha, beside)
    values = fuse(FusionMethod.CALIBRATED, image, text, alpha, backgrounds).combined
    assert values[outside].max(initial=-np.inf) <= most_unseen(pool, alpha, raw_alpha, backgrounds) + 1e-9


@given(
    seed=st.integers(0, 2**32 - 1),
    alpha=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    raw_alpha=st.sampled_from([None, 0.2, 0.7]),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    depth=st.integers(1, 60),
    has_image=st.booleans(),
    beside=st.integers(1, 10),
)
def test_most_similarity_unseen__nothing_outside_is_nearer(
    seed: int, alpha: float, raw_alpha: float | None, missing: float, depth: int, has_image: bool, beside: int
) -> None:
    generator = np.random.default_rng(seed)
    image = generator.uniform(-1, 1, 80) if has_image else np.full(80, np.nan)
    text = np.where(generator.random(80) < missing, np.nan, generator.uniform(-1, 1, 80))
    drawn_by = alpha if raw_alpha is None else raw_alpha
    pool, outside = pool_of(image, text, depth, drawn_by, beside)
    most = most_similarity_unseen(pool, alpha, drawn_by)
    similarities = weighted_sum(image, text, alpha)
    assert similarities[outside].max(initial=-np.inf) <= most + 1e-9
    if raw_alpha is None and not pool.whole:
        # By the sum that the pool was drawn by, the last of the best is the bound itself.
        assert most == np.sort(similarities)[::-1][depth - 1]


def test_most_unseen__is_no_more_than_it_has_to_be() -> None:
    """With the nearest of each leg at hand, what is left outside is far from the best."""
    backgrounds = BACKGROUNDS["normal"]
    raw_alpha = nominating_alpha(FusionMethod.CALIBRATED, 0.5, backgrounds)
    image, text = GENERATOR.normal(0.25, 0.02, 2_000), GENERATOR.normal(0.3, 0.1, 2_000)
    pool, _ = pool_of(image, text, 400, raw_alpha, beside=100)
    values = fuse(FusionMethod.CALIBRATED, pool.sim_image, pool.sim_text, 0.5, backgrounds).combined
    assert most_unseen(pool, 0.5, raw_alpha, backgrounds) < np.sort(values)[-11]


def test_most_unseen__of_a_whole_library() -> None:
    pool, _ = pool_of(np.linspace(0, 1, 9), np.linspace(1, 0, 9), 4, 0.5)
    assert most_unseen(replace(pool, whole=True), 0.5, 0.5, SKEWED) == -np.inf
    assert most_unseen(replace(pool, depth=100), 0.5, 0.5, SKEWED) == -np.inf
    assert most_unseen(pool, 0.5, 0.5, SKEWED) > 0


@pytest.mark.parametrize("raw_alpha", [0.0, 1.0])
def test_most_unseen__where_one_leg_has_all_the_weight(raw_alpha: float) -> None:
    image, text = np.array([0.9, 0.5, 0.1, 0.05, 0.0]), np.array([0.0, 0.05, 0.2, 0.4, 0.6])
    pool, _ = pool_of(image, text, 2, raw_alpha)
    leg = SKEWED.surprise(image, text)[0 if raw_alpha == 1.0 else 1]
    assert most_unseen(pool, raw_alpha, raw_alpha, SKEWED) == pytest.approx(np.sort(leg)[-2], abs=0.05)
