"""Smooth fractal noise, in one dimension (ridge lines) and two (clouds, textures)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]


def ridge_line(
    rng: np.random.Generator, points: int, *, bumps: float = 3.0, octaves: int = 5, roughness: float = 0.5
) -> FloatArray:
    """Return `points` heights, about -1 to 1: fractal noise with `bumps` broad waves over the whole length."""
    x = np.linspace(0, 1, points)
    total = np.zeros(points)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        knots = int(bumps * 2**octave) + 3
        values = rng.uniform(-1, 1, knots)
        place = x * (knots - 2)
        low = np.minimum(place.astype(int), knots - 2)
        part = place - low
        part = part * part * (3 - 2 * part)
        total += weight * (values[low] * (1 - part) + values[low + 1] * part)
        weights += weight
        weight *= roughness
    return (total / weights * 1.6).astype(np.float32)


def clouds(
    rng: np.random.Generator, width: int, height: int, *, scale: float = 4.0, stretch: float = 2.0, octaves: int = 5
) -> FloatArray:
    """Return a (height, width) field in 0 to 1: fractal noise with `scale` blobs down, drawn out sideways."""
    total = np.zeros((height, width), np.float32)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        rows = max(2, round(scale * 2**octave))
        columns = max(2, round(scale * 2**octave * width / max(height, 1) / stretch))
        if rows > 2 * height or columns > 2 * width:
            break
        coarse = Image.fromarray(rng.random((rows, columns), np.float32))
        total += weight * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
        weights += weight
        weight *= 0.52
    total /= max(weights, 1e-6)
    low, high = np.percentile(total[::4, ::4], (1, 99))
    field: FloatArray = np.clip((total - low) / max(float(high - low), 1e-6), 0, 1)
    return field


def smoothstep(values: FloatArray, low: float, high: float) -> FloatArray:
    """Return 0 below `low`, 1 above `high`, and a smooth rise between, with the shape of `values`."""
    t: FloatArray = np.clip((values - low) / (high - low), 0, 1)
    result: FloatArray = t * t * (3 - 2 * t)
    return result
