"""In town: city skyline, bicycle by a wall."""

from __future__ import annotations

import numpy as np

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import foliage, sky, water
from backend.demo.gallery.noise import clouds
from backend.demo.gallery.paint import COLOURS, RGB, mix, shade, vary


def city_skyline(c: Canvas, look: Look, mood: Mood) -> None:
    """Towers with lit windows, mirrored in a river."""
    rng = c.rng
    shore = c.h * (0.72 + 0.07 * look.tilt)
    sky(c, look, mood, shore)
    c.glow(c.w * 0.5, shore, c.w * 0.75, mix(look.rgb, (255, 170, 90), 0.6), 0.4, squash=0.5)
    for layer, (count, tall, haze) in enumerate(((26, 0.42, 0.55), (18, 0.5, 0.25), (13, 0.36, 0.0))):
        edges = np.sort(rng.random(count)) * 1.1 - 0.05
        for x in edges:
            wide = c.u * rng.uniform(0.05, 0.1) * look.zoom * (0.8 + 0.2 * layer)
            high = (
                c.h * tall * rng.uniform(0.35, 1.0) * look.zoom * (1.0 - 0.5 * abs(float(x) - 0.5 - 0.2 * look.shift))
            )
            body = mix((22, 26, 44), mood.horizon, haze * 0.75)
            _tower(c, c.w * float(x), shore, wide, high, vary(body, rng, 4), look, 1 - haze, layer)
    c.box(0, shore - c.u * 0.012, c.w, shore + 2, (20, 20, 30))
    for x in np.linspace(0.02, 0.98, 22):
        c.glow(c.w * float(x), shore - c.u * 0.015, c.u * 0.022, (255, 210, 140), 0.9)
    water(c, shore, mood, mirror=0.85, waves=1.0, depth=(14, 26, 54))


def _tower(
    c: Canvas, x: float, shore: float, wide: float, high: float, body: RGB, look: Look, lit: float, layer: int
) -> None:
    rng = c.rng
    top = shore - high
    c.box(x, top, x + wide, shore, shade(body, 1.06), shade(body, 0.8), sideways=True)
    if rng.random() < 0.3:
        c.shape(
            [
                (x + wide * 0.2, top + 1),
                (x + wide * 0.5, top - wide * rng.uniform(0.4, 1.0)),
                (x + wide * 0.8, top + 1),
            ],
            body,
        )
    if rng.random() < 0.35:
        c.line([(x + wide / 2, top), (x + wide / 2, top - wide * 0.9)], body, c.u * 0.004)
        c.disc(x + wide / 2, top - wide * 0.9, c.u * 0.004, colour=(255, 80, 60))
    cell = c.u * (0.0105 + 0.002 * layer)
    columns, rows = int(wide / cell) - 1, int(high / (cell * 1.35)) - 1
    if columns < 1 or rows < 1:
        return
    hue = ((255, 214, 140), (255, 236, 190), (190, 220, 255), mix(look.rgb, (255, 255, 255), 0.35))[
        int(rng.integers(4))
    ]
    on = rng.random((rows, columns)) < rng.uniform(0.25, 0.6)
    bright = rng.uniform(0.5, 1.0, (rows, columns)) * lit
    for r, k in zip(*np.nonzero(on), strict=True):
        wx, wy = x + cell * (k + 0.8), top + cell * 1.35 * (r + 0.7)
        c.pen.rectangle((wx, wy, wx + cell * 0.55, wy + cell * 0.75), fill=mix(body, hue, float(bright[r, k])))
    if layer > 0 and rng.random() < 0.3:
        c.box(x, top + cell, x + wide, top + cell * 2.2, mix(look.rgb, (255, 255, 255), 0.25))
        c.glow(x + wide / 2, top + cell * 1.5, wide * 1.1, look.rgb, 0.7)


def bicycle(c: Canvas, look: Look, mood: Mood) -> None:
    """A bicycle that leans against a plastered wall with a window."""
    rng = c.rng
    floor = c.h * (0.8 + 0.04 * look.tilt)
    wall = mood.on(mix(look.accent_rgb, (236, 222, 200), 0.42))
    c.backdrop(((0.0, shade(wall, 1.08)), (1.0, shade(wall, 0.82))), 0, floor)
    c.texture(clouds(rng, c.w // 4, c.h // 4, scale=5, stretch=1.0), 0.2, 0, floor)
    for _ in range(3):
        bx, by = c.w * rng.random(), floor * rng.random()
        for row in range(3):
            for k in range(int(rng.integers(2, 5))):
                px, py = bx + c.u * (0.055 * k + 0.027 * (row % 2)), by + c.u * 0.026 * row
                c.box(px, py, px + c.u * 0.05, py + c.u * 0.021, mix(vary(mood.on((176, 96, 72)), rng, 10), wall, 0.25))
    c.backdrop(((0.0, mood.on((150, 142, 134))), (1.0, mood.on((104, 98, 94)))), floor, c.h)
    for row, y in enumerate(floor + (c.h - floor) * np.linspace(0.02, 1, 6) ** 1.4):
        for px in np.arange(-c.u * 0.1 * (row % 2), c.w, c.u * (0.1 + 0.03 * row)):
            c.disc(
                float(px),
                float(y),
                c.u * (0.045 + 0.012 * row),
                c.u * (0.012 + 0.006 * row),
                vary(mood.on((158, 150, 142)), rng, 9),
            )
    wx, wy, s = c.w * (0.5 - 0.26 * look.shift), floor - c.u * 0.5, c.u * 0.13
    glass = (255, 216, 140) if mood.dark else mood.on((110, 140, 158))
    c.box(wx - s * 1.15, wy - s * 1.35, wx + s * 1.15, wy + s * 1.35, mood.on((248, 244, 236)))
    c.box(wx - s, wy - s * 1.2, wx + s, wy + s * 1.2, shade(glass, 0.7), glass)
    for k in (-1, 1):
        shutter = mood.on(shade(look.rgb, 0.9))
        c.box(
            wx + k * s * 1.7 - s * 0.5,
            wy - s * 1.35,
            wx + k * s * 1.7 + s * 0.5,
            wy + s * 1.35,
            shutter,
            shade(shutter, 0.75),
        )
    c.line([(wx, wy - s * 1.2), (wx, wy + s * 1.2)], mood.on((248, 244, 236)), s * 0.1)
    c.line([(wx - s, wy), (wx + s, wy)], mood.on((248, 244, 236)), s * 0.1)
    c.box(wx - s * 1.2, wy + s * 1.2, wx + s * 1.2, wy + s * 1.65, mood.on((150, 88, 60)), mood.on((110, 62, 44)))
    for px in np.linspace(wx - s, wx + s, 9):
        foliage(c, float(px), wy + s * 1.1, s * 0.24, mood.on((76, 128, 60)), 8)
        c.disc(
            float(px) + s * rng.normal(0, 0.1),
            wy + s * 1.0,
            s * 0.1,
            colour=mood.on(COLOURS[("red", "pink", "white")[int(rng.integers(3))]]),
        )
    _frame(c, look, mood, c.w * (0.5 + 0.12 * look.shift), floor + c.u * 0.05, c.u * 0.17 * look.zoom)


def _frame(c: Canvas, look: Look, mood: Mood, x: float, ground: float, r: float) -> None:
    rear, front, axle = (x - r * 1.5, ground - r), (x + r * 1.5, ground - r), (x - r * 0.3, ground - r * 0.95)
    seat, head = (x - r * 0.62, ground - r * 2.35), (x + r * 1.05, ground - r * 2.3)
    c.shadow(x, ground, r * 2.7, r * 0.24, 0.6)
    c.soft([(p[0] + r * 0.2, p[1] - r * 0.02) for p in (rear, seat, head, front, axle)], (0, 0, 0), 0.22, r * 0.2)
    tyre, steel, paint = mood.on((34, 34, 38)), mood.on((196, 200, 206)), mood.on(look.rgb)
    for wx, wy in (rear, front):
        for a in np.linspace(0, np.pi, 15):
            dx, dy = np.cos(a) * r * 0.93, np.sin(a) * r * 0.93
            c.line([(wx - dx, wy - dy), (wx + dx, wy + dy)], steel, r * 0.009)
        c.pen.ellipse((wx - r, wy - r, wx + r, wy + r), outline=tyre, width=max(2, round(r * 0.085)))
        c.pen.ellipse(
            (wx - r * 0.9, wy - r * 0.9, wx + r * 0.9, wy + r * 0.9), outline=steel, width=max(1, round(r * 0.03))
        )
        c.pen.arc(
            (wx - r * 1.1, wy - r * 1.1, wx + r * 1.1, wy + r * 1.1),
            190,
            340,
            fill=shade(paint, 0.8),
            width=max(2, round(r * 0.05)),
        )
        c.disc(wx, wy, r * 0.07, colour=steel)
    thick = r * 0.085
    for one, two in ((rear, axle), (rear, seat), (axle, seat), (axle, head), ((x - r * 0.55, ground - r * 2.1), head)):
        c.line([one, two], paint, thick)
        c.line([(one[0], one[1] - thick * 0.25), (two[0], two[1] - thick * 0.25)], shade(paint, 1.35), thick * 0.22)
    c.line([head, (x + r * 1.15, ground - r * 1.9), front], shade(paint, 0.9), thick)
    c.line([seat, (x - r * 0.68, ground - r * 2.55)], steel, thick * 0.7)
    c.disc(x - r * 0.7, ground - r * 2.6, r * 0.3, r * 0.085, mood.on((72, 44, 30)))
    c.line(
        [head, (x + r * 0.98, ground - r * 2.65), (x + r * 1.25, ground - r * 2.78), (x + r * 1.5, ground - r * 2.62)],
        steel,
        thick * 0.7,
    )
    c.line([(x + r * 0.98, ground - r * 2.65), (x + r * 0.72, ground - r * 2.6)], mood.on((72, 44, 30)), thick)
    c.disc(*axle, r * 0.2, colour=steel)
    c.disc(*axle, r * 0.14, colour=mood.on((60, 60, 64)))
    c.line([(axle[0] - r * 0.1, axle[1] - r * 0.34), (axle[0] + r * 0.1, axle[1] + r * 0.34)], steel, thick * 0.6)
    if c.rng.random() < 0.6:
        c.shape(
            [
                (x + r * 1.3, ground - r * 2.45),
                (x + r * 2.0, ground - r * 2.45),
                (x + r * 1.88, ground - r * 1.95),
                (x + r * 1.4, ground - r * 1.95),
            ],
            mood.on((190, 142, 88)),
            mood.on((140, 98, 56)),
        )
        for k in np.linspace(1.4, 1.9, 6):
            c.disc(
                x + r * float(k),
                ground - r * (2.5 + 0.08 * c.rng.random()),
                r * 0.12,
                colour=mood.on(COLOURS[("yellow", "pink", "white", "red")[int(c.rng.integers(4))]]),
            )
