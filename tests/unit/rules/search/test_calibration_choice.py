"""Why the calibrated value is a surprise: raw sums, z-scores, normal scores, percentiles and ranks on a simulated library.

Queries in words. Five media of 2,000 are relevant: their pictures stand 3 standard deviations above a normal
background of 0.22 +- 0.03; every second caption says it too, on a background of texts that is wide and skewed. Or the model of
pictures does not know the words, and the captions alone say it.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.rules.search import Backgrounds, rank
from backend.rules.search.fusion import fuse_calibrated, fuse_raw, fuse_rrf

RELEVANT, MEDIA, QUERIES = 5, 2_000, 120


def simulate(alpha: float, generator: np.random.Generator, *, pictures_know: bool = True) -> dict[str, float]:
    """Mean recall@5 of each way."""

    def image_background(count: int) -> NDArray[np.float64]:
        return generator.normal(0.22, 0.03, count)

    def text_background(count: int) -> NDArray[np.float64]:
        return generator.gamma(2.0, 0.08, count) - 0.05

    backgrounds = Backgrounds.from_pairs(image_background(20_000), text_background(20_000))
    assert backgrounds.image is not None
    assert backgrounds.text is not None
    recalls: dict[str, list[float]] = {}
    for _ in range(QUERIES):
        image, text = image_background(MEDIA), text_background(MEDIA)
        image[:RELEVANT] += 0.03 * generator.normal(3.0, 0.7, RELEVANT) * pictures_know
        say_it = generator.random(RELEVANT) < (0.5 if pictures_know else 1.0)
        text[:RELEVANT] += say_it * generator.normal(0.3 if pictures_know else 0.9, 0.1, RELEVANT)
        z_image, z_text = backgrounds.image.z(image), backgrounds.text.z(text)
        normal_scores = backgrounds.calibrate(image, text)
        percentiles = backgrounds.image.percentile(image), backgrounds.text.percentile(text)
        for name, combined in {
            "raw": fuse_raw(image, text, alpha).combined,
            "z": alpha * z_image + (1 - alpha) * z_text,
            "percentile": alpha * percentiles[0] + (1 - alpha) * percentiles[1],
            "normal score": alpha * normal_scores[0] + (1 - alpha) * normal_scores[1],
            "surprise": fuse_calibrated(image, text, alpha, backgrounds).combined,
            "rrf": fuse_rrf(image, text, alpha).combined,
        }.items():
            recalls.setdefault(name, []).append(float((rank(combined)[:RELEVANT] < RELEVANT).mean()))
    return {name: float(np.mean(values)) for name, values in recalls.items()}


@pytest.mark.parametrize("alpha", [0.4, 0.6])
def test_calibrated__surprise_beats_the_alternatives(alpha: float) -> None:
    recall = simulate(alpha, np.random.default_rng(11))
    assert recall["surprise"] > recall["raw"] + 0.2
    assert recall["surprise"] > recall["z"] + 0.02
    assert recall["surprise"] > recall["percentile"] + 0.02
    assert recall["surprise"] > recall["rrf"]


def test_calibrated__a_leg_that_knows_nothing_does_not_veto_the_other() -> None:
    recall = simulate(0.6, np.random.default_rng(11), pictures_know=False)
    assert recall["surprise"] > recall["normal score"] + 0.05
    assert recall["surprise"] > recall["percentile"] + 0.2
    assert recall["surprise"] > recall["rrf"] + 0.2
