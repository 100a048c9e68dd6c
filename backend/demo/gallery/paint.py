"""Colours: the names that captions use, and arithmetic on 8-bit RGB triples."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

RGB = tuple[int, int, int]
Stops = tuple[tuple[float, RGB], ...]

COLOURS: Mapping[str, RGB] = MappingProxyType(
    {
        "red": (204, 40, 38),
        "orange": (238, 124, 30),
        "yellow": (248, 204, 48),
        "green": (58, 142, 72),
        "turquoise": (42, 172, 172),
        "blue": (40, 92, 186),
        "purple": (126, 66, 164),
        "pink": (240, 130, 168),
        "white": (244, 241, 232),
    }
)
"""Named colours, as 8-bit sRGB."""


def mix(first: RGB, second: RGB, amount: float) -> RGB:
    """Return the colour `amount` (0 to 1) of the way from `first` to `second`."""
    t = min(max(amount, 0.0), 1.0)
    return (
        round(first[0] + (second[0] - first[0]) * t),
        round(first[1] + (second[1] - first[1]) * t),
        round(first[2] + (second[2] - first[2]) * t),
    )


def shade(colour: RGB, factor: float) -> RGB:
    """Darken (`factor` below 1) towards black, or lighten (above 1) towards white."""
    if factor <= 1:
        return mix((0, 0, 0), colour, factor)
    return mix(colour, (255, 255, 255), factor - 1)


def times(colour: RGB, light: tuple[float, float, float]) -> RGB:
    """Return `colour` as it looks under `light` (a factor for each channel)."""
    return (
        min(255, round(colour[0] * light[0])),
        min(255, round(colour[1] * light[1])),
        min(255, round(colour[2] * light[2])),
    )


def grey_of(colour: RGB) -> RGB:
    """Return the grey of the same luminance."""
    value = round(0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2])
    return (value, value, value)


def vary(colour: RGB, rng: np.random.Generator, spread: float = 10.0) -> RGB:
    """Return `colour` made brighter or darker, and a little warmer or cooler, by about `spread` parts in 128."""
    shared, first, second, third = (float(v) for v in rng.standard_normal(4))
    step = spread / 128

    def moved(value: int, own: float) -> int:
        return min(255, max(0, round(value * (1 + step * (shared + 0.5 * own)))))

    return (moved(colour[0], first), moved(colour[1], second), moved(colour[2], third))
