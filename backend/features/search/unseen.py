"""Upper bounds for pictures that are not candidates.

Candidates are the best by a raw sum, so all other pictures have a smaller raw sum than the last candidate. Calibrated values increase
with cosines. So the largest calibrated value of another picture lies on the line of all pairs of cosines with exactly this raw sum, up
to where the scan of each leg ended, because nearer pictures are candidates. A page of calibrated hits is settled if its last hit reaches
that bound: no deeper candidate ranks before it, and later pages neither repeat nor skip a picture.
"""

import numpy as np

from backend.features.search.pool import Pool
from backend.rules.search import Backgrounds, Vector, weighted_sum

_STEPS = 512


def most_unseen(pool: Pool, alpha: float, raw_alpha: float, backgrounds: Backgrounds) -> float:
    """Upper bound of alpha * image + (1 - alpha) * text, in calibrated values, for all pictures outside the pool.

    `raw_alpha` is the alpha of the raw sum that the pool was drawn by. Returns -inf if no picture is outside.
    """
    last = _last_drawn(pool, raw_alpha)
    if last is None:
        return -np.inf
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
        # With text alone, they are all equal, and never surprising.
        last_textless = np.sort(pool.sim_image[textless])[::-1][pool.depth - 1]
        bounds.append(alpha * _image_surprise(backgrounds, float(last_textless)) if asks_image else 0.0)
    return max(bounds, default=np.inf)


def _last_drawn(pool: Pool, raw_alpha: float) -> float | None:
    """The raw sum of the last picture that the pool was drawn by. No picture outside has more. None if none is outside."""
    if pool.whole:
        return None
    raw = np.sort(weighted_sum(pool.sim_image, pool.sim_text, raw_alpha))[::-1]
    return None if len(raw) < pool.depth else float(raw[pool.depth - 1])


def most_similarity_unseen(pool: Pool, alpha: float, raw_alpha: float) -> float:
    """Upper bound of alpha * sim_image + (1 - alpha) * sim_text for all pictures outside the pool. A missing side adds nothing.

    `raw_alpha` is the alpha of the raw sum that the pool was drawn by. Returns -inf if no picture is outside.
    """
    last = _last_drawn(pool, raw_alpha)
    if last is None:
        return -np.inf
    if alpha == raw_alpha:
        return last
    if np.isnan(pool.sim_text).all():
        return max(alpha * _alone(last, raw_alpha), 0.0)
    if np.isnan(pool.sim_image).all():
        return max((1 - alpha) * _alone(last, 1 - raw_alpha), 0.0)
    image, text = _reach(pool.image_reach, pool.sim_image), _reach(pool.text_reach, pool.sim_text)
    # On the line of this raw sum, as far as it goes towards the side that weighs more here than in the pool.
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
    """The maximum over all image cosines, each with the largest text cosine possible. Computed by cells, rounded up."""
    if raw_alpha == 1.0:
        return _image_surprise(backgrounds, min(last, reach[0]))
    image = np.linspace(-1.0, max(reach[0], -1.0), _STEPS + 1)
    text = np.minimum((last - raw_alpha * image) / (1 - raw_alpha), reach[1])
    image_parts, text_parts = backgrounds.surprise(image, text)
    # Within a cell, the image cosine is at most at its right end and the text cosine at its left end.
    cells = alpha * image_parts[1:] + (1 - alpha) * text_parts[:-1]
    return float(cells[text[:-1] >= -1.0].max(initial=-np.inf))


def _reach(scanned: float | None, similarities: Vector) -> float:
    """Upper bound of a leg's cosine outside the pool: the last of its scan, otherwise the nearest, which is in the pool."""
    return float(np.nanmax(similarities)) if scanned is None else scanned


def _alone(last: float, weight: float) -> float:
    """The largest cosine of a side alone with at most this raw sum."""
    return min(last / weight, 1.0) if weight > 0 else 1.0


def _image_surprise(backgrounds: Backgrounds, cosine: float) -> float:
    return float(backgrounds.surprise([cosine], [np.nan])[0][0])
