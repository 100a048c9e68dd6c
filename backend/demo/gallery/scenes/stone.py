"""Built of stone: bridge, castle."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import foliage, grass, pine, ridge, sky, water
from backend.demo.gallery.paint import RGB, mix, shade, vary


def stone_bridge(c: Canvas, look: Look, mood: Mood) -> None:
    """An arched bridge over a river between trees."""
    rng = c.rng
    bank = c.h * (0.62 + 0.05 * look.tilt)
    sky(c, look, mood, bank)
    leaf = {"spring": (140, 180, 84), "summer": (70, 124, 56), "autumn": (212, 122, 40), "winter": (140, 130, 124)}[
        look.season
    ]
    ridge(
        c, bank - c.u * 0.06, c.u * 0.07, mood.far(mix((90, 120, 110), leaf, 0.2), 0.55), mood.far(leaf, 0.5), bumps=2
    )
    for x in np.linspace(-0.05, 1.05, 16):
        foliage(
            c,
            c.w * float(x) + c.u * rng.normal(0, 0.03),
            bank - c.u * rng.uniform(0.03, 0.1),
            c.u * rng.uniform(0.06, 0.14),
            mood.far(vary(leaf, rng, 12), 0.25),
            30,
        )
    c.box(0, bank - c.u * 0.02, c.w, bank + 4, mood.on((92, 116, 60)))
    arches = int(rng.integers(2, 5))
    deck, rise = bank - c.u * 0.2 * look.zoom, c.u * 0.07
    wall = mood.on(vary((186, 164, 134), rng, 9))
    xs = np.linspace(0, c.w, 40)
    hump = deck - rise * np.sin(np.pi * np.linspace(0, 1, 40)) ** 1.2
    outline = [(0.0, bank + c.u * 0.06), *zip(xs.tolist(), hump.tolist(), strict=True), (float(c.w), bank + c.u * 0.06)]
    behind = c.image.copy()
    c.shape(outline, shade(wall, 1.05), shade(wall, 0.72))
    for _ in range(260):
        k = int(rng.integers(0, 40))
        px, py = xs[k] + c.u * rng.normal(0, 0.02), rng.uniform(hump[k] + c.u * 0.01, bank + c.u * 0.05)
        s = c.u * rng.uniform(0.008, 0.016)
        c.pen.rectangle((px, py, px + s * 1.9, py + s), fill=shade(wall, rng.uniform(0.78, 1.1)))
    span = c.w / arches
    for i in range(arches):
        mid, half = span * (i + 0.5), span * 0.36
        crown = bank - c.u * 0.13 * look.zoom - rise * 0.8 * np.sin(np.pi * (i + 0.5) / arches)
        arch = [
            (mid - half * np.cos(t), bank + c.u * 0.02 - (bank + c.u * 0.02 - crown) * np.sin(t))
            for t in np.linspace(0, np.pi, 24)
        ]
        ring = [
            (mid - half * 1.1 * np.cos(t), bank + c.u * 0.02 - (bank + c.u * 0.02 - crown + half * 0.1) * np.sin(t))
            for t in np.linspace(0, np.pi, 24)
        ]
        c.shape(
            [*ring, (mid + half * 1.1, bank + c.u * 0.07), (mid - half * 1.1, bank + c.u * 0.07)], shade(wall, 0.84)
        )
        _see_through(c, behind, [*arch, (mid + half, bank + c.u * 0.08), (mid - half, bank + c.u * 0.08)])
        c.shape(
            [*arch[-9:], (mid + half, bank + c.u * 0.08), (mid + half * 0.84, bank + c.u * 0.08)],
            shade(wall, 0.34),
            shade(wall, 0.5),
        )
    c.line(list(zip(xs.tolist(), (hump - c.u * 0.004).tolist(), strict=True)), shade(wall, 1.15), c.u * 0.016)
    water(c, bank + c.u * 0.03, mood, mirror=0.68, waves=0.8, depth=(40, 92, 92))
    grass(c, c.h * 0.94, c.h * 1.04, mood.on(mix((84, 120, 54), leaf, 0.3)), 260, tall=0.07)


def _see_through(c: Canvas, behind: Image.Image, points: list[tuple[float, float]]) -> None:
    left, top = int(min(p[0] for p in points)), int(min(p[1] for p in points))
    right, bottom = int(max(p[0] for p in points)) + 1, int(max(p[1] for p in points)) + 1
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
    c.image.paste(behind.crop((left, top, right, bottom)), (left, top), mask)


def castle(c: Canvas, look: Look, mood: Mood) -> None:
    """Towers with pointed roofs on a wooded hill."""
    rng = c.rng
    base = c.h * (0.66 + 0.05 * look.tilt)
    sky(c, look, mood, base + c.u * 0.1)
    for layer, haze in enumerate((0.7, 0.5)):
        ridge(
            c,
            base + c.u * 0.02 * layer,
            c.u * 0.1,
            mood.far((80, 110, 110), haze),
            mood.far((100, 130, 100), haze),
            bumps=2,
        )
    x, s = c.w * (0.5 + 0.18 * look.shift), c.u * 0.3 * look.zoom
    xs = np.linspace(-0.1, 1.1, 50) * c.w
    beside = np.maximum(np.abs(xs - x) - s * 0.85, 0)
    hill = base + s * 0.05 + (1 - np.exp(-((beside / (s * 1.1)) ** 2))) * c.h * 0.26
    c.shape(
        [(xs[0], c.h * 1.1), *zip(xs.tolist(), hill.tolist(), strict=True), (xs[-1], c.h * 1.1)],
        mood.on((96, 128, 66)),
        mood.on((44, 72, 40)),
    )
    stone = mood.on(vary((206, 194, 176), rng, 8))
    roof = mood.on(look.rgb)
    c.box(x - s * 0.75, base - s * 0.42, x + s * 0.75, base + s * 0.1, stone, shade(stone, 0.74))
    for notch in np.arange(-0.75, 0.75, 0.1):
        c.box(x + s * float(notch), base - s * 0.47, x + s * (float(notch) + 0.055), base - s * 0.4, stone)
    for k, tall, wide in (
        (-0.28, 0.85, 0.24),
        (0.22, 1.15, 0.28),
        (0.52, 0.72, 0.2),
        (-0.55, 0.62, 0.2),
        (-0.8, 0.5, 0.22),
        (0.8, 0.56, 0.22),
        (0.0, 0.66, 0.34),
    ):
        high, half = s * tall * rng.uniform(0.92, 1.08), s * wide / 2
        px = x + s * k
        c.bar(px, base - high, base + s * 0.1, half * 2, half * 2, stone)
        c.box(
            px - half * 1.15, base - high - half * 0.1, px + half * 1.15, base - high + half * 0.16, shade(stone, 0.82)
        )
        peak = base - high - half * rng.uniform(2.2, 3.0)
        c.shape(
            [(px - half * 1.25, base - high), (px, peak), (px + half * 1.25, base - high)],
            shade(roof, 1.08),
            shade(roof, 0.55),
            sideways=True,
        )
        c.line([(px, peak), (px, peak - half * 0.7)], shade(stone, 0.5), c.u * 0.003)
        c.shape(
            [(px, peak - half * 0.7), (px + half * 0.6, peak - half * 0.5), (px, peak - half * 0.3)],
            mood.on(look.accent_rgb),
        )
        for f in (0.3, 0.6):
            glass = (
                (255, 210, 120) if (mood.dark or look.light == "dusk") and rng.random() < 0.8 else mood.on((64, 62, 70))
            )
            c.box(px - half * 0.14, base - high * f - half * 0.4, px + half * 0.14, base - high * f, glass)
    c.pen.pieslice((x - s * 0.13, base - s * 0.22, x + s * 0.13, base + s * 0.24), 180, 360, fill=mood.on((70, 48, 36)))
    c.box(x - s * 0.13, base - s * 0.0, x + s * 0.13, base + s * 0.1, mood.on((70, 48, 36)))
    for px in np.append(rng.random(60) * c.w, x + s * rng.uniform(-1, 1, 14)):
        ground = float(np.interp(px, xs, hill))
        py = ground + (c.h - ground) * rng.random() ** 1.5 + c.u * 0.055
        (pine if rng.random() < 0.45 else _bush)(
            c, float(px), py, c.u * rng.uniform(0.07, 0.15), mood.on(vary((50, 88, 50), rng, 10))
        )


def _bush(c: Canvas, x: float, y: float, size: float, colour: RGB) -> None:
    foliage(c, x, y - size * 0.4, size * 0.5, colour, 18)
