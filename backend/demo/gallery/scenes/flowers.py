"""Fields of flowers, drawn with sprites: sunflowers, tulips."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import foliage, ridge, sky
from backend.demo.gallery.paint import RGB, shade, vary

_SPRITE = 240


def _sprite(tall: float) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (_SPRITE, round(_SPRITE * tall)))
    return image, ImageDraw.Draw(image)


def _sunflower(rng: np.random.Generator, mood: Mood, petal: RGB) -> Image.Image:
    image, pen = _sprite(1.9)
    n, centre = _SPRITE, _SPRITE / 2
    stem = mood.on((86, 130, 54))
    pen.line((centre, centre, centre + rng.normal(0, 8), image.height), fill=(*stem, 255), width=13)
    for side, y in ((-1, 1.25), (1, 1.5)):
        leaf = [
            (centre, n * y),
            (centre + side * n * 0.2, n * (y - 0.13)),
            (centre + side * n * 0.46, n * (y - 0.04)),
            (centre + side * n * 0.2, n * (y + 0.07)),
        ]
        pen.polygon(leaf, fill=(*shade(stem, 0.9), 255))
    squash = rng.uniform(0.82, 1.0)
    for ring, reach, bright in ((0, 0.49, 0.84), (1, 0.43, 1.04)):
        for a in np.linspace(0, 2 * np.pi, 20)[:-1] + ring * 0.16 + rng.random():
            tone = (*vary(shade(mood.on(petal), bright), rng, 7), 255)
            far, near = n * reach * rng.uniform(0.9, 1.0), n * 0.26
            pen.polygon(
                [(centre, centre)]
                + [
                    (centre + np.cos(a + d) * r * squash, centre + np.sin(a + d) * r)
                    for d, r in ((-0.15, near), (-0.11, far * 0.86), (0, far), (0.11, far * 0.86), (0.15, near))
                ],
                fill=tone,
            )
    for r, seeds in ((0.225, (70, 40, 20)), (0.17, (104, 62, 26)), (0.09, (66, 40, 22))):
        pen.ellipse(
            (centre - n * r * squash, centre - n * r, centre + n * r * squash, centre + n * r),
            fill=(*mood.on(seeds), 255),
        )
    for a, r in zip(np.arange(150) * 2.4, np.sqrt(np.arange(150) / 150) * n * 0.21, strict=True):
        px, py = centre + np.cos(a) * r * squash, centre + np.sin(a) * r
        pen.ellipse((px - 2, py - 2, px + 2, py + 2), fill=(*mood.on((150, 98, 44)), 255))
    return image


def sunflower_field(c: Canvas, look: Look, mood: Mood) -> None:
    """Rows of sunflowers to the horizon, the nearest large."""
    rng = c.rng
    horizon = c.h * (0.4 + 0.09 * look.tilt)
    sky(c, look, mood, horizon)
    ridge(c, horizon, c.u * 0.05, mood.far((92, 124, 110), 0.5), mood.far((100, 132, 90), 0.3), bumps=2.5)
    for px in rng.random(24) * c.w:
        foliage(c, float(px), horizon, c.u * rng.uniform(0.015, 0.035), mood.far((60, 100, 62), 0.25), 12)
    c.backdrop(
        ((0.0, mood.far((170, 160, 60), 0.15)), (0.3, mood.on((96, 124, 46))), (1.0, mood.on((40, 68, 28)))),
        horizon,
        c.h,
    )
    sprites = [_sunflower(rng, mood, vary((250, 196, 34), rng, 8)) for _ in range(3)]
    for row in range(15):
        near = (row / 14) ** 1.9
        size = c.u * (0.03 + 0.36 * near * look.zoom)
        y = horizon + c.u * 0.015 + (c.h * 1.16 - horizon) * near
        step = size * (0.5 + 0.06 * row / 14)
        for x in np.arange(-step * rng.random(), c.w + step, step):
            c.stamp(
                sprites[int(rng.integers(3))],
                float(x) + step * rng.normal(0, 0.16),
                y + size * rng.normal(0.25, 0.07),
                size * rng.uniform(0.9, 1.12),
            )


def _tulip(rng: np.random.Generator, mood: Mood, petal: RGB) -> Image.Image:
    image, pen = _sprite(2.3)
    n, centre, tone = _SPRITE, _SPRITE / 2, mood.on(petal)
    stem = mood.on((88, 146, 72))
    pen.line((centre, n * 0.6, centre + rng.normal(0, 6), image.height), fill=(*stem, 255), width=15)
    for side in (-1, 1):
        leaf = [
            (centre, image.height),
            (centre + side * n * 0.3, n * 1.3),
            (centre + side * n * 0.4, n * 1.0),
            (centre + side * n * 0.16, n * 1.5),
            (centre, n * 1.9),
        ]
        pen.polygon(leaf, fill=(*shade(stem, 0.8 if side > 0 else 0.95), 255))
    for dx, k in ((-0.2, 0.72), (0.2, 0.66), (0.0, 0.85)):
        pen.ellipse((centre + n * (dx - 0.2), n * 0.06, centre + n * (dx + 0.2), n * 0.72), fill=(*shade(tone, k), 255))
    for side, k in ((-1, 1.12), (1, 0.92)):
        pen.polygon(
            [
                (centre + side * n * 0.34, n * 0.1),
                (centre + side * n * 0.36, n * 0.46),
                (centre + side * n * 0.2, n * 0.7),
                (centre, n * 0.74),
                (centre - side * n * 0.06, n * 0.56),
                (centre + side * n * 0.1, n * 0.3),
            ],
            fill=(*shade(tone, k), 255),
        )
    pen.polygon(
        [
            (centre, n * 0.08),
            (centre + n * 0.15, n * 0.34),
            (centre + n * 0.1, n * 0.7),
            (centre - n * 0.1, n * 0.7),
            (centre - n * 0.15, n * 0.34),
        ],
        fill=(*shade(tone, 1.04), 255),
    )
    return image


def tulip_garden(c: Canvas, look: Look, mood: Mood) -> None:
    """Beds of tulips in bands of colour in front of trees."""
    rng = c.rng
    horizon = c.h * (0.3 + 0.07 * look.tilt)
    sky(c, look, mood, horizon)
    c.box(0, horizon - c.u * 0.07, c.w, horizon + 2, mood.far((70, 116, 62), 0.2))
    for px in np.linspace(-0.05, 1.05, 13):
        foliage(
            c,
            c.w * float(px) + c.u * rng.normal(0, 0.02),
            horizon - c.u * 0.05,
            c.u * rng.uniform(0.07, 0.14),
            mood.far((80, 130, 70), 0.2),
            30,
        )
    c.backdrop(((0.0, mood.on((96, 148, 70))), (1.0, mood.on((50, 92, 44)))), horizon, c.h)
    paints = [look.rgb, look.rgb, look.accent_rgb]
    sprites = {p: [_tulip(rng, mood, vary(p, rng, 6)) for _ in range(2)] for p in {*paints}}
    for row in range(16):
        near = (row / 15) ** 1.7
        size = c.u * (0.04 + 0.3 * near * look.zoom)
        y, paint = horizon + c.u * 0.02 + (c.h * 1.18 - horizon) * near, paints[(row // 2) % 3]
        step = size * 0.31
        for x in np.arange(-step * rng.random(), c.w + step, step):
            c.stamp(
                sprites[paint][int(rng.integers(2))],
                float(x) + step * rng.normal(0, 0.2),
                y + size * rng.normal(0.2, 0.06),
                size * rng.uniform(0.85, 1.1),
            )
