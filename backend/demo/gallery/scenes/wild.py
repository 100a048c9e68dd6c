"""Wild scenes: desert dunes, waterfall, camp fire."""

from __future__ import annotations

import numpy as np

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import foliage, grass, pine, ridge, sky, water
from backend.demo.gallery.noise import FloatArray, clouds, ridge_line, smoothstep
from backend.demo.gallery.paint import mix, shade, vary


def desert_dunes(c: Canvas, look: Look, mood: Mood) -> None:
    """Sand dunes with sharp crests, lit on one side."""
    rng = c.rng
    horizon = c.h * (0.42 + 0.08 * look.tilt)
    sky(c, look, mood, horizon + c.u * 0.06, cover=0.1)
    sand = vary((232, 166, 88), rng, 8)
    layers = 5
    for i in range(layers):
        near = i / (layers - 1)
        y, amp = horizon + (c.h - horizon) * near**1.25 * 0.8, c.u * (0.05 + 0.13 * near) * look.zoom
        lit, dark = mood.far(shade(sand, 1.1), 0.55 * (1 - near)), mood.far(shade(sand, 0.56), 0.6 * (1 - near))
        xs = np.linspace(-0.05 * c.w, 1.05 * c.w, 60)
        crest = y - amp * ridge_line(rng, 60, bumps=1.3, octaves=2, roughness=0.3)
        line = list(zip(xs.tolist(), crest.tolist(), strict=True))
        c.shape([(line[0][0], c.h * 1.0), *line, (line[-1][0], c.h * 1.0)], lit, shade(lit, 0.78))
        top = int(np.argmin(crest[8:52])) + 8
        tail = [
            (xs[top] + c.w * 0.1 * k + c.u * 0.05 * np.sin(k * 2.4), crest[top] + amp * 0.95 * k)
            for k in np.linspace(0, 2.4, 10)
        ]
        right = [p for p in line[top:] if p[0] <= tail[-1][0] + c.w * 0.5]
        c.shape([*right, (right[-1][0], tail[-1][1]), *reversed(tail)], dark, lit)
        if near > 0.4:
            c.texture(_wind_marks(rng), 0.1 * near, y + amp)
    if rng.random() < 0.45:
        _camels(c, mood, horizon + (c.h - horizon) * 0.2)


def _wind_marks(rng: np.random.Generator) -> FloatArray:
    rows = np.linspace(0, 1, 120, dtype=np.float32)[:, None]
    sway = clouds(rng, 120, 120, scale=3, stretch=2, octaves=2)
    marks: FloatArray = (0.5 + 0.5 * np.sin(2 * np.pi * (rows**0.6 * 26 + 3 * sway))).astype(np.float32)
    return marks


def _camels(c: Canvas, mood: Mood, y: float) -> None:
    tone, s = mood.on((70, 44, 30)), c.u * 0.035
    x = c.w * c.rng.uniform(0.15, 0.6)
    for i in range(int(c.rng.integers(3, 6))):
        px = x + i * s * 2.6
        for k in (-0.5, -0.35, 0.4, 0.55):
            c.line([(px + k * s, y - s * 0.7), (px + k * s, y)], tone, s * 0.12)
        c.disc(px, y - s * 0.9, s * 0.75, s * 0.34, tone)
        c.disc(px, y - s * 1.25, s * 0.28, s * 0.3, tone)
        c.line(
            [
                (px + s * 0.6, y - s * 0.9),
                (px + s * 0.95, y - s * 1.1),
                (px + s * 1.05, y - s * 1.5),
                (px + s * 1.35, y - s * 1.45),
            ],
            tone,
            s * 0.2,
        )


def waterfall(c: Canvas, look: Look, mood: Mood) -> None:
    """White water that drops from a mossy cliff into a pool."""
    rng = c.rng
    top, pool = c.h * (0.2 + 0.05 * look.tilt), c.h * (0.76 + 0.04 * look.tilt)
    sky(c, look, mood, c.h * 0.4, sun=False)
    x, wide = c.w * (0.5 + 0.16 * look.shift), c.u * 0.15 * look.zoom
    rock = vary((86, 88, 86), rng, 8)
    c.shape(
        [
            (0, top - c.u * 0.02),
            *[(c.w * i / 24, top + c.u * rng.normal(0, 0.022)) for i in range(25)],
            (c.w, pool + 4),
            (0, pool + 4),
        ],
        mood.on(shade(rock, 0.95)),
        mood.on(shade(rock, 0.42)),
    )
    strata = clouds(rng, c.w // 4, c.h // 4, scale=9, stretch=0.35)
    c.texture(strata, 0.26, top + c.u * 0.03, pool)
    c.texture(clouds(rng, c.w // 4, c.h // 4, scale=26, stretch=6), 0.16, top + c.u * 0.03, pool)
    for _ in range(54):
        px, py = c.w * rng.random(), rng.uniform(top + c.u * 0.02, pool)
        if abs(px - x) > wide * 0.8:
            foliage(c, px, py, c.u * rng.uniform(0.02, 0.06), mood.on(vary((64, 112, 52), rng, 14)), 9)
    for px in np.linspace(0, c.w, 15):
        if abs(px - x) > wide * 0.7:
            foliage(
                c,
                float(px) + c.u * rng.normal(0, 0.02),
                top - c.u * 0.02,
                c.u * rng.uniform(0.05, 0.1),
                mood.on(vary((52, 106, 50), rng, 12)),
                26,
            )
    white, blue = mood.on((238, 245, 249)), mood.on((150, 188, 208))
    spread = wide * rng.uniform(1.25, 1.7)
    c.soft(
        [(x - wide * 0.6, top), (x + wide * 0.6, top), (x + spread * 0.7, pool), (x - spread * 0.7, pool)],
        blue,
        0.6,
        c.u * 0.02,
    )
    c.shape(
        [(x - wide / 2, top), (x + wide / 2, top), (x + spread / 2, pool), (x - spread / 2, pool)],
        mix(white, blue, 0.4),
        white,
    )
    for k, tone in zip(rng.uniform(-0.52, 0.52, 110), rng.random(110), strict=True):
        a, b = rng.random() * 0.7, rng.uniform(0.2, 0.6)
        where = [(x + k * (wide + (spread - wide) * t), top + (pool - top) * t) for t in (a, min(1.0, a + b))]
        c.line(
            where, mix(blue, white, float(tone)) if tone > 0.25 else shade(blue, 0.82), c.u * rng.uniform(0.0015, 0.006)
        )
    water(c, pool, mood, mirror=0.45, waves=0.7, depth=(28, 104, 104))
    for _ in range(16):
        c.glow(
            x + rng.normal(0, 0.6) * spread,
            pool + c.u * rng.normal(0, 0.015),
            c.u * rng.uniform(0.05, 0.13),
            white,
            0.4,
            squash=0.6,
        )
    for _ in range(20):
        px, s = c.w * rng.random(), c.u * rng.uniform(0.03, 0.085)
        py = c.h * rng.uniform(0.9, 1.0) if abs(px - x) < spread else pool + (c.h - pool) * rng.uniform(0.15, 1)
        c.ball(px, py, s * 1.3, s * 0.8, mood.on(vary((92, 96, 90), rng, 10)), gloss=0.12)
        c.disc(px - s * 0.2, py - s * 0.55, s * 0.7, s * 0.2, mood.on((92, 130, 62)))


def camp_fire(c: Canvas, look: Look, mood: Mood) -> None:
    """A fire between stones in front of a tent, trees and stars behind."""
    rng = c.rng
    ground = c.h * (0.66 + 0.05 * look.tilt)
    sky(c, look, mood, ground, sun=False, cover=0.15)
    if mood.dark:
        band = clouds(rng, 100, 80, scale=3, stretch=1.2)
        c.veil(smoothstep(band, 0.5, 1.0) * 0.22, (150, 150, 200), 0, ground)
    ridge(c, ground - c.u * 0.05, c.u * 0.1, mood.far((40, 60, 66), 0.35), mood.far((30, 44, 50), 0.2), bumps=2.5)
    for px in rng.random(26) * c.w:
        pine(c, float(px), ground + c.u * 0.02, c.u * rng.uniform(0.2, 0.44), mood.on(vary((24, 42, 40), rng, 16)))
    c.backdrop(((0.0, mood.on((64, 70, 46))), (1.0, mood.on((34, 32, 26)))), ground, c.h)
    grass(c, ground, c.h, mood.on((76, 84, 50)), 500)
    x, y, s = c.w * (0.44 + 0.16 * look.shift), c.h * 0.86, c.u * 0.16 * look.zoom
    side = 1 if look.shift < 0 else -1
    tx, ty, t = x + side * c.u * 0.36, ground + c.u * 0.1, c.u * 0.24 * look.zoom
    cloth = mix(mood.on(look.rgb), look.rgb, 0.35)
    c.shape(
        [(tx, ty - t), (tx + side * t * 1.2, ty), (tx - side * t * 0.55, ty)], shade(cloth, 0.75), shade(cloth, 0.5)
    )
    c.shape(
        [(tx, ty - t), (tx + side * t * 0.1, ty + t * 0.02), (tx - side * t * 0.85, ty)],
        mix(cloth, (255, 190, 100), 0.3),
        cloth,
    )
    c.shape(
        [(tx - side * t * 0.03, ty - t * 0.86), (tx - side * t * 0.12, ty), (tx - side * t * 0.42, ty)],
        (255, 214, 130),
        (150, 82, 40),
    )
    c.glow(x, y - s * 0.2, c.u * 0.85, (255, 130, 40), 0.6, squash=0.7)
    c.glow(x, y, c.u * 0.4, (255, 150, 60), 0.6, squash=0.5)
    for a in np.linspace(0, 2 * np.pi, 15)[:-1]:
        c.ball(
            x + np.cos(a) * s * 0.95,
            y + np.sin(a) * s * 0.26,
            s * 0.15,
            s * 0.11,
            vary((120, 92, 76), rng, 10),
            gloss=0.1,
            light=(-float(np.cos(a)), -0.4),
        )
    for k in (-0.6, -0.25, 0.2, 0.6):
        c.line([(x + k * s, y + s * 0.12), (x - k * s * 0.5, y - s * 0.36)], (74, 44, 26), s * 0.13)
        c.line([(x + k * s, y + s * 0.1), (x - k * s * 0.5, y - s * 0.38)], (150, 84, 40), s * 0.04)
    for size, tone in ((1.0, (232, 84, 20)), (0.78, (250, 136, 28)), (0.54, (255, 196, 60)), (0.3, (255, 244, 170))):
        for k in np.linspace(-0.45, 0.45, 5):
            px, high = x + k * s * size, s * size * (1.65 - 1.9 * abs(float(k))) * rng.uniform(0.8, 1.15)
            wide, bend = s * 0.25 * size, s * rng.normal(0, 0.08)
            c.pen.polygon(
                [
                    (px - wide, y),
                    (px - wide * 0.9, y - high * 0.35),
                    (px + bend - wide * 0.2, y - high * 0.7),
                    (px + bend, y - high),
                    (px + wide * 0.5, y - high * 0.6),
                    (px + wide, y - high * 0.3),
                    (px + wide, y),
                ],
                fill=tone,
            )
    c.glow(x, y - s * 0.5, s * 1.7, (255, 190, 90), 0.8)
    for _ in range(34):
        c.disc(
            x + rng.normal(0, 0.5) * s,
            y - s * rng.uniform(0.6, 3.2),
            c.u * rng.uniform(0.0012, 0.003),
            colour=(255, 196, 90),
        )
