"""Ranking of candidates by a fusion method."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.features.search.pool import Pool
from backend.rules.search import Backgrounds, Fused, FusionMethod, LastHit, Vector, fuse, rank, weighted_sum

_NO_BACKGROUND = (
    "The library has too few unrelated pictures for calibration, so ranks were combined "
    "(rrf). Calibration starts automatically as the library grows."
)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Candidates in the order of a method.

    Attributes:
        pool: the candidates.
        method: the method that was used.
        fused: the combined values.
        similarity: (n,) alpha * sim_image + (1 - alpha) * sim_text.
        normal_image: (n,) normal scores, NaN if unknown.
        normal_text: (n,) normal scores, NaN if unknown.
        calibrated_image: (n,) evidence of the image cosine.
        calibrated_text: (n,) evidence of the text cosine.
        order: (n,) rows of the pool, best first.
        note: why another method was used than requested.
    """

    pool: Pool
    method: FusionMethod
    fused: Fused
    similarity: Vector
    normal_image: Vector
    normal_text: Vector
    calibrated_image: Vector
    calibrated_text: Vector
    order: NDArray[np.int64]
    note: str | None


def rank_pool(pool: Pool, method: FusionMethod, alpha: float, backgrounds: Backgrounds | None) -> Ranking:
    """Rank by the method. Uses `rrf` if calibration is requested and there is no background."""
    normal = _calibrate(pool, backgrounds)
    note = None
    if method is FusionMethod.CALIBRATED and normal is None:
        method, note = FusionMethod.RRF, _NO_BACKGROUND
    fused = fuse(method, pool.sim_image, pool.sim_text, alpha, backgrounds)
    unknown = np.full(len(pool.media_ids), np.nan)
    normal_image, normal_text = normal or (unknown, unknown)
    known = Backgrounds(None, None) if backgrounds is None else backgrounds
    calibrated_image, calibrated_text = known.evidence(normal_image, normal_text)
    ids = np.array([str(media_id) for media_id in pool.media_ids], dtype=np.str_)
    return Ranking(
        pool=pool,
        method=method,
        fused=fused,
        similarity=weighted_sum(pool.sim_image, pool.sim_text, alpha),
        normal_image=normal_image,
        normal_text=normal_text,
        calibrated_image=calibrated_image,
        calibrated_text=calibrated_text,
        order=rank(fused.combined, -pool.sim_image, ids),
        note=note,
    )


def nominating_alpha(method: FusionMethod, alpha: float, backgrounds: Backgrounds | None) -> float:
    """The alpha whose raw sums order most like the method, for indexes, which know raw sums only.

    A normal score grows by about 1 / std per unit of cosine, so a leg with a narrow background weighs more, and so does one
    whose evidence grows faster.
    """
    if method is not FusionMethod.CALIBRATED or backgrounds is None:
        return alpha
    if backgrounds.image is None or backgrounds.text is None or min(backgrounds.image.std, backgrounds.text.std) <= 0:
        return alpha
    of_image, of_text = backgrounds.weights
    image_weight, text_weight = alpha * of_image / backgrounds.image.std, (1 - alpha) * of_text / backgrounds.text.std
    return image_weight / (image_weight + text_weight)


def behind(pool: Pool, order: NDArray[np.int64], last: LastHit | None) -> NDArray[np.int64]:
    """The part of an order after the last hit of the previous page."""
    if last is None:
        return order
    row = pool.media_ids.index(last.media_id)
    index = int(np.flatnonzero(order == row)[0])
    return order[index + 1 :]


def _calibrate(pool: Pool, backgrounds: Backgrounds | None) -> tuple[Vector, Vector] | None:
    if backgrounds is None:
        return None
    for leg, background in ((pool.sim_image, backgrounds.image), (pool.sim_text, backgrounds.text)):
        if background is None and not np.isnan(leg).all():
            return None
    return backgrounds.calibrate(pool.sim_image, pool.sim_text)
