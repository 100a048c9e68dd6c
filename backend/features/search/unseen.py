"""How much calibrated value a media can have that is not among the candidates.

Candidates are the best by a raw sum, so a media that is not among them has no more of it than the last of these. Surprises
rise with cosines; so the most that it can have lies on the line of all pairs of cosines with just this raw sum, up to
where the scan of each leg ended, since what is nearer on one leg is a candidate too.
A page of calibrated hits is settled when its last one has at least as much: then no deeper candidates come before it,
and the pages that follow neither repeat a media nor pass one by.
"""

import numpy as np

from backend.features.search.pool import Pool
from backend.rules.search import Backgrounds, Vector, weighted_sum

_STEPS = 512


def most_unseen(pool: Pool, alpha: float, raw_alpha: float, backgrounds: Backgrounds) -> float:
    """The most of alpha * image + (1 - alpha) * text, in surprises, that any media outside the pool can have.

    raw_alpha: of the raw sum that the pool was drawn by. -inf where nothing can be outside.
    """
    if pool.whole:
        return -np.inf
    raw = np.sort(weighted_sum(pool.sim_image, pool.sim_text, raw_alpha))[::-1]
    if len(raw) < pool.depth:
        return -np.inf
    last = float(raw[pool.depth - 1])
    asks_image, asks_text = not np.isnan(pool.sim_image).all(), not np.isnan(pool.sim_text).all()
    bounds = []
    if asks_image and asks_text:
        reach = _reach(pool.image_reach, pool.sim_image), _reach(pool.text_reach, pool.sim_text)
        bounds.append(_most_on_line(last, reach, alpha, raw_alpha, backgrounds))
    elif asks_image:
        bounds.append(alpha * _image_surprise(backgrounds, _alone(last, raw_alpha)))
    elif asks_text:
        bounds.append((1 - alpha) * float(backgrounds.surprise([np.nan], [_alone(last, 1 - raw_alpha)])[1][0]))
    textless = np.isnan(pool.sim_text)
    if asks_text and np.count_nonzero(textless) >= pool.depth:
        # To words alone they are all equal, and no surprise.
        last_textless = np.sort(pool.sim_image[textless])[::-1][pool.depth - 1]
        bounds.append(alpha * _image_surprise(backgrounds, float(last_textless)) if asks_image else 0.0)
    return max(bounds, default=np.inf)


def most_similarity_unseen(pool: Pool, alpha: float, raw_alpha: float) -> float:
    """The greatest alpha * sim_image + (1 - alpha) * sim_text, a missing side adding nothing, that any media outside the pool
    can have.

    raw_alpha: of the raw sum that the pool was drawn by. -inf where nothing can be outside.
    """
    if pool.whole:
        return -np.inf
    raw = np.sort(weighted_sum(pool.sim_image, pool.sim_text, raw_alpha))[::-1]
    if len(raw) < pool.depth:
        return -np.inf
    last = float(raw[pool.depth - 1])
    if alpha == raw_alpha:
        return last
    if np.isnan(pool.sim_text).all():
        return max(alpha * _alone(last, raw_alpha), 0.0)
    if np.isnan(pool.sim_image).all():
        return max((1 - alpha) * _alone(last, 1 - raw_alpha), 0.0)
    image, text = _reach(pool.image_reach, pool.sim_image), _reach(pool.text_reach, pool.sim_text)
    # On the line of this raw sum, as far as it goes towards the side that weighs more here than there.
    if alpha > raw_alpha:
        text = min(text, (last - raw_alpha * image) / (1 - raw_alpha))
    else:
        image = min(image, (last - (1 - raw_alpha) * text) / raw_alpha)
    most = alpha * image + (1 - alpha) * text
    textless = np.isnan(pool.sim_text)
    if np.count_nonzero(textless) >= pool.depth:
        most = max(most, alpha * float(np.sort(pool.sim_image[textless])[::-1][pool.depth - 1]))
    return most


def _most_on_line(
    last: float, reach: tuple[float, float], alpha: float, raw_alpha: float, backgrounds: Backgrounds
) -> float:
    """Over all image cosines and the greatest text cosine beside each, cell by cell, so that none is undercut."""
    if raw_alpha == 1.0:
        return _image_surprise(backgrounds, min(last, reach[0]))
    image = np.linspace(-1.0, max(reach[0], -1.0), _STEPS + 1)
    text = np.minimum((last - raw_alpha * image) / (1 - raw_alpha), reach[1])
    image_parts, text_parts = backgrounds.surprise(image, text)
    # Within a cell the image side is below its right end, the text side below its left one.
    cells = alpha * image_parts[1:] + (1 - alpha) * text_parts[:-1]
    return float(cells[text[:-1] >= -1.0].max(initial=-np.inf))


def _reach(scanned: float | None, similarities: Vector) -> float:
    """The greatest cosine of a leg outside the pool: the last of its scan, or at most the nearest, which is in the pool."""
    return float(np.nanmax(similarities)) if scanned is None else scanned


def _alone(last: float, weight: float) -> float:
    """The greatest cosine of a side alone that has no more than this raw sum."""
    return min(last / weight, 1.0) if weight > 0 else 1.0


def _image_surprise(backgrounds: Backgrounds, cosine: float) -> float:
    return float(backgrounds.surprise([cosine], [np.nan])[0][0])
