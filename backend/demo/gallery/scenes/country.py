"""Scenes of the open country: vineyard, windmill, hot-air balloons."""

from __future__ import annotations

import numpy as np

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import grass, ridge, sky
from backend.demo.gallery.noise import clouds
from backend.demo.gallery.paint import COLOURS, RGB, mix, shade, vary


def vineyard(c: Canvas, look: Look, mood: Mood) -> None:
    """Rows of vines that run up a slope, hills and a farmhouse behind."""
    rng = c.rng
    horizon = c.h * (0.42 + 0.06 * look.tilt)
    sky(c, look, mood, horizon)
    leaf = {"spring": (136, 176, 74), "summer": (88, 140, 58), "autumn": (206, 132, 44)}[look.season]
    for k, distance in enumerate((0.65, 0.45, 0.25)):
        ridge(
            c,
            horizon - c.u * (0.05 - 0.03 * k),
            c.u * 0.07,
            mood.far(mix((84, 120, 96), leaf, 0.3 * k), distance),
            mood.far(mix((110, 140, 100), leaf, 0.3), distance),
            bumps=2,
        )
    hx, hy, s = c.w * (0.5 - 0.3 * look.shift), horizon + c.u * 0.012, c.u * 0.07 * look.zoom
    c.box(hx - s, hy - s * 0.8, hx + s, hy, mood.on((240, 222, 190)), mood.on((200, 180, 150)))
    c.shape(
        [
            (hx - s * 1.15, hy - s * 0.75),
            (hx - s * 0.7, hy - s * 1.3),
            (hx + s * 0.7, hy - s * 1.3),
            (hx + s * 1.15, hy - s * 0.75),
        ],
        mood.on((190, 96, 66)),
        mood.on((150, 72, 52)),
    )
    for tree in (-2.2, -1.7, 1.6):
        c.shape(
            [
                (hx + s * tree, hy - s * 2.1),
                (hx + s * (tree + 0.2), hy - s * 0.6),
                (hx + s * tree, hy),
                (hx + s * (tree - 0.2), hy - s * 0.6),
            ],
            mood.on((44, 80, 52)),
            mood.on((30, 58, 40)),
        )
    soil = mood.on((158, 122, 84))
    c.backdrop(((0.0, mood.far((150, 150, 84), 0.2)), (1.0, shade(soil, 0.8))), horizon, c.h)
    c.texture(clouds(rng, c.w // 6, c.h // 8, scale=12, stretch=2), 0.2, horizon)
    vx = c.w * (0.5 + 0.5 * look.shift)
    count = 13
    for lane in sorted(range(-count, count + 1), key=lambda i: -abs(i)):
        for d in np.linspace(0, 1, 34) ** 1.8:
            y = horizon + c.u * 0.008 + (c.h * 1.08 - horizon) * d
            x = vx + (lane + 0.5) * c.u * (0.02 + 0.33 * d)
            r = c.u * (0.008 + 0.075 * d)
            if -r * 2 < x < c.w + r * 2:
                tone = vary(mood.far(leaf, 0.3 * (1 - d)), rng, 9)
                c.disc(x, y, r * 1.15, r * 0.5, shade(tone, 0.42))
                c.disc(x, y - r * 1.0, r * 0.95, r * 1.1, shade(tone, 0.72))
                c.disc(x - r * 0.2, y - r * 1.3, r * 0.7, r * 0.75, tone)
                for dx, dy in rng.normal(0, 0.45, (3, 2)):
                    c.disc(x + r * dx, y - r * (1.25 + dy), r * 0.24, r * 0.2, shade(tone, rng.uniform(0.8, 1.25)))


def windmill(c: Canvas, look: Look, mood: Mood) -> None:
    """A mill with four lattice sails on a flat meadow."""
    rng = c.rng
    horizon = c.h * (0.72 + 0.06 * look.tilt)
    sky(c, look, mood, horizon, cover=0.5 if look.weather == "clear" else None)
    ridge(c, horizon, c.u * 0.018, mood.far((90, 120, 100), 0.45), mood.far((90, 120, 90), 0.4), bumps=5)
    c.backdrop(((0.0, mood.far((150, 170, 84), 0.1)), (1.0, mood.on((72, 116, 52)))), horizon, c.h)
    grass(c, horizon, c.h * 1.02, mood.on((104, 146, 66)), 600)
    x, foot, tall = c.w * (0.5 + 0.2 * look.shift), horizon + c.u * 0.05, c.u * 0.46 * look.zoom
    wide = tall * 0.44
    c.shadow(x + wide * 0.3, foot, wide * 0.9, wide * 0.16, 0.5)
    body = mood.on(mix(look.rgb, (150, 100, 70), 0.1))
    c.bar(x, foot - tall, foot, wide * 0.52, wide, body)
    for i in range(1, 12):
        y, half = foot - tall * i / 12, wide * (0.5 - 0.24 * i / 12)
        c.pen.arc(
            (x - half, y - half * 0.12, x + half, y + half * 0.12),
            0,
            180,
            fill=shade(body, 0.72),
            width=max(1, round(c.u * 0.0018)),
        )
    c.box(x - wide * 0.1, foot - wide * 0.3, x + wide * 0.1, foot, mood.on((70, 46, 34)))
    for k in (0.42, 0.68):
        c.box(
            x - wide * 0.06,
            foot - tall * k - wide * 0.07,
            x + wide * 0.06,
            foot - tall * k + wide * 0.07,
            (255, 220, 140) if mood.dark else mood.on((240, 240, 236)),
        )
    hub = foot - tall * 1.04
    c.shape(
        [
            (x - wide * 0.3, foot - tall * 0.99),
            (x - wide * 0.2, hub - wide * 0.2),
            (x, hub - wide * 0.3),
            (x + wide * 0.2, hub - wide * 0.2),
            (x + wide * 0.3, foot - tall * 0.99),
        ],
        mood.on((92, 62, 48)),
        mood.on((54, 38, 34)),
    )
    reach, turn, wood, cloth = tall * 0.72, rng.uniform(0, np.pi / 2), mood.on((90, 64, 46)), mood.on((244, 238, 224))
    for k in range(4):
        a = turn + k * np.pi / 2
        along, across = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        at = np.array([x, hub])
        corners = [
            at + along * reach * s + across * reach * t for s, t in ((0.16, 0.0), (1.0, 0.0), (1.0, 0.2), (0.16, 0.17))
        ]
        c.pen.polygon([(float(p[0]), float(p[1])) for p in corners], fill=mix(cloth, mood.middle, 0.2))
        for s in np.linspace(0.16, 1.0, 9):
            p, q = at + along * reach * s, at + along * reach * s + across * reach * (0.17 + 0.03 * s)
            c.line([(float(p[0]), float(p[1])), (float(q[0]), float(q[1]))], wood, c.u * 0.0025)
        for t in (0.0, 0.1, 0.2):
            p, q = at + along * reach * 0.16 + across * reach * t * 0.85, at + along * reach + across * reach * t
            c.line([(float(p[0]), float(p[1])), (float(q[0]), float(q[1]))], wood, c.u * 0.003)
        p, q = at - along * reach * 0.05, at + along * reach
        c.line([(float(p[0]), float(p[1])), (float(q[0]), float(q[1]))], shade(wood, 0.8), c.u * 0.007)
    c.disc(x, hub, c.u * 0.013, colour=mood.on((50, 36, 30)))
    for px in rng.random(70) * c.w:
        c.disc(
            float(px),
            c.h * rng.uniform(0.86, 1.0),
            c.u * rng.uniform(0.003, 0.007),
            colour=mood.on(COLOURS[("red", "yellow", "white", "purple")[int(rng.integers(4))]]),
        )


def hot_air_balloons(c: Canvas, look: Look, mood: Mood) -> None:
    """Striped balloons drifting over hills, one of them near."""
    rng = c.rng
    land = c.h * (0.82 + 0.06 * look.tilt)
    sky(c, look, mood, land)
    c.box(0, land, c.w, c.h, mood.haze)
    for k, distance in enumerate((0.75, 0.5, 0.25)):
        ridge(
            c,
            land + c.h * 0.05 * k,
            c.u * (0.07 - 0.01 * k),
            mood.far((96, 124, 112), distance),
            mood.far((120, 140, 90), distance),
            bumps=2 + k,
            roughness=0.45,
        )
    places = sorted(
        (float(s), float(x), float(y))
        for s, x, y in zip(
            rng.uniform(0.03, 0.09, 7), rng.uniform(0.06, 0.94, 7), rng.uniform(0.12, 0.75, 7), strict=True
        )
    )
    for s, x, y in places:
        pair = (("red", "yellow"), ("blue", "white"), ("orange", "purple"), ("green", "yellow"), ("pink", "white"))[
            int(rng.integers(5))
        ]
        _balloon(c, mood, c.w * x, c.h * y, c.u * s, COLOURS[pair[0]], COLOURS[pair[1]], 0.45 - 3 * s)
    _balloon(
        c, mood, c.w * (0.5 + 0.26 * look.shift), c.h * 0.38, c.u * 0.21 * look.zoom, look.rgb, look.accent_rgb, 0.0
    )


def _balloon(c: Canvas, mood: Mood, x: float, y: float, r: float, one: RGB, two: RGB, haze: float) -> None:
    angles = np.linspace(0, np.pi, 22)
    drop = np.where(angles > np.pi / 2, 1.32, 1.0)
    half = np.sin(angles) ** np.where(angles > np.pi / 2, 1.25, 1.0)
    rows = y - np.cos(angles) * r * drop
    mouth = 0.13
    half = np.maximum(half, np.where(angles > np.pi / 2, mouth, 0.0))
    gores = 10
    for i in range(gores):
        left, right = -np.cos(np.pi * i / gores), -np.cos(np.pi * (i + 1) / gores)
        tone = mood.far(one if i % 2 == 0 else two, max(0.0, haze))
        bright = 1.16 - 0.085 * i if i > 1 else 0.94 + 0.12 * i
        edge = [(x + left * r * h, row) for h, row in zip(half.tolist(), rows.tolist(), strict=True)]
        back = [(x + right * r * h, row) for h, row in zip(half.tolist(), rows.tolist(), strict=True)]
        c.pen.polygon([*edge, *reversed(back)], fill=shade(tone, bright))
    for k, tone in ((0.18, two), (-0.04, one)):
        i = int(np.argmin(np.abs(rows - (y + k * r))))
        c.pen.chord(
            (x - r * half[i], rows[i] - r * 0.12, x + r * half[i], rows[i] + r * 0.12),
            0,
            180,
            fill=shade(mood.far(tone, max(0.0, haze)), 0.85),
        ) if r > c.u * 0.12 else None
    low, s = float(rows[-1]), r * 0.16
    for k in (-1, 1):
        c.line(
            [(x + k * r * mouth, low), (x + k * s * 0.8, low + r * 0.3)],
            mood.far((70, 52, 44), max(0.0, haze)),
            max(1.0, r * 0.012),
        )
    basket = mood.far((150, 98, 52), max(0.0, haze))
    c.box(x - s, low + r * 0.3, x + s, low + r * 0.3 + s * 1.3, shade(basket, 1.1), shade(basket, 0.6))
    if mood.dark or mood.ambient[2] < 0.7:
        c.glow(x, low - r * 0.3, r * 1.1, (255, 170, 70), 0.55)
