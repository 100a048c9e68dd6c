"""Scenes at the edge of the water: harbour houses, beach umbrella."""

from __future__ import annotations

import numpy as np

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import ridge, ripples, sky, water
from backend.demo.gallery.noise import clouds
from backend.demo.gallery.paint import COLOURS, RGB, shade, vary


def harbour_houses(c: Canvas, look: Look, mood: Mood) -> None:
    """A row of gabled houses in many colours along a quay, mirrored in the water."""
    rng = c.rng
    quay = c.h * (0.66 + 0.05 * look.tilt)
    sky(c, look, mood, quay)
    paints: list[RGB] = [
        look.rgb,
        look.accent_rgb,
        (226, 170, 96),
        (190, 84, 70),
        (238, 222, 186),
        (104, 150, 160),
        look.rgb,
        (222, 196, 110),
    ]
    x, i = -c.u * rng.uniform(0, 0.1), int(rng.integers(8))
    while x < c.w:
        wide, tall = c.u * rng.uniform(0.13, 0.2) * look.zoom, c.u * rng.uniform(0.34, 0.52) * look.zoom
        wall = mood.on(vary(paints[i % len(paints)], rng, 8))
        top = quay - tall
        c.box(x, top, x + wide, quay, shade(wall, 1.06), shade(wall, 0.8))
        roof = mood.on(vary((138, 74, 58), rng, 12))
        peak = top - wide * rng.uniform(0.35, 0.6)
        if rng.random() < 0.6:
            c.shape([(x - wide * 0.04, top + 1), (x + wide / 2, peak), (x + wide * 1.04, top + 1)], shade(wall, 0.95))
            c.line([(x - wide * 0.05, top + 2), (x + wide / 2, peak), (x + wide * 1.05, top + 2)], roof, wide * 0.07)
        else:
            c.shape(
                [
                    (x - wide * 0.04, top + 1),
                    (x + wide * 0.14, peak + wide * 0.1),
                    (x + wide * 0.86, peak + wide * 0.1),
                    (x + wide * 1.04, top + 1),
                ],
                roof,
                shade(roof, 0.75),
            )
        floors, columns = int(rng.integers(3, 5)), int(rng.integers(2, 4))
        for f in range(floors):
            for k in range(columns):
                wx, wy = x + wide * (k + 0.5) / columns, top + tall * (f + 0.35) / (floors + 0.2)
                s, t = wide * 0.24 / columns * 1.25, tall * 0.3 / floors
                lit = rng.random() < (0.6 if mood.dark else 0.35 if look.light == "dusk" else 0)
                c.pen.rectangle(
                    (wx - s * 1.25, wy - t * 1.15, wx + s * 1.25, wy + t * 1.15), fill=mood.on((246, 242, 234))
                )
                c.pen.rectangle(
                    (wx - s, wy - t, wx + s, wy + t), fill=(255, 214, 130) if lit else mood.on((70, 88, 104))
                )
                c.pen.line((wx, wy - t, wx, wy + t), fill=mood.on((246, 242, 234)), width=max(1, round(s * 0.2)))
        c.box(x + wide * 0.97, top, x + wide, quay, shade(wall, 0.6))
        x += wide
        i += 1
    c.box(0, quay, c.w, quay + c.u * 0.03, mood.on((150, 142, 132)), mood.on((84, 78, 74)))
    water(c, quay + c.u * 0.03, mood, mirror=0.72, waves=1.0, depth=(24, 70, 88))
    for _ in range(int(rng.integers(2, 5))):
        bx, by, s = c.w * rng.random(), quay + c.h * rng.uniform(0.08, 0.24), c.u * rng.uniform(0.05, 0.09)
        paint = mood.on(COLOURS[("red", "white", "blue", "turquoise")[int(rng.integers(4))]])
        c.shadow(bx, by + s * 0.1, s * 1.3, s * 0.3, 0.5)
        c.shape(
            [(bx - s, by - s * 0.35), (bx + s * 1.1, by - s * 0.4), (bx + s * 0.8, by), (bx - s * 0.75, by)],
            paint,
            shade(paint, 0.6),
        )
        c.line([(bx, by - s * 0.3), (bx, by - s * 1.7)], mood.on((84, 66, 52)), s * 0.07)


def beach_umbrella(c: Canvas, look: Look, mood: Mood) -> None:
    """A striped parasol and a deck chair on the sand in front of the surf."""
    rng = c.rng
    sea = c.h * (0.36 + 0.06 * look.tilt)
    sky(c, look, mood, sea, cover=0.35)
    beach = c.h * (0.54 + 0.04 * look.tilt)
    c.backdrop(
        ((0.0, mood.on((24, 104, 158))), (0.6, mood.on((46, 168, 190))), (1.0, mood.on((150, 222, 214)))),
        sea,
        beach + c.h * 0.05,
    )
    ripples(c, sea, beach, mood, 150)
    for k, depth in enumerate((0.0, 0.035, 0.06)):
        ridge(
            c,
            beach + c.h * depth,
            c.u * 0.014,
            mood.on((250, 252, 250)),
            mood.on((238, 246, 242)),
            bumps=3 + k,
            bottom=beach + c.h * depth + c.u * 0.03,
        )
        if k < 2:
            c.veil(
                np.full((2, 2), 0.55, np.float32),
                mood.on((120, 206, 208)),
                beach + c.h * depth + c.u * 0.012,
                beach + c.h * depth + c.u * 0.036,
            )
    ridge(c, beach + c.h * 0.075, c.u * 0.014, mood.on((232, 206, 160)), mood.on((214, 176, 120)), bumps=3)
    c.texture(clouds(rng, c.w // 5, c.h // 8, scale=14, stretch=2.5), 0.16, beach + c.h * 0.1)
    x, foot, r = c.w * (0.46 + 0.2 * look.shift), c.h * 0.86, c.u * 0.31 * look.zoom
    top, lean = foot - r * 1.75, r * 0.16 * (1 if look.shift < 0 else -1)
    c.shadow(x + r * 0.5, foot, r * 1.1, r * 0.24, 0.5, mood.on((60, 40, 30)))
    c.line([(x, foot), (x + lean, top)], mood.on((240, 236, 228)), r * 0.05)
    ax, segments = x + lean, 8
    rim = [np.pi + np.pi * i / segments for i in range(segments + 1)]
    for i in range(segments):
        tone = mood.on(look.rgb if i % 2 else COLOURS["white"])
        one, two = rim[i], rim[i + 1]
        arc = [
            (ax + np.cos(one) * r * np.sin(s), top + r * 0.72 - r * 0.72 * np.cos(s))
            for s in np.linspace(0, np.pi / 2, 6)
        ]
        back = [
            (ax + np.cos(two) * r * np.sin(s), top + r * 0.72 - r * 0.72 * np.cos(s))
            for s in np.linspace(np.pi / 2, 0, 6)
        ]
        c.pen.polygon([*arc, *back], fill=shade(tone, 1.1 - 0.06 * abs(i - 2)))
        mid = (arc[-1][0] + back[0][0]) / 2
        c.disc(mid, top + r * 0.72, abs(arc[-1][0] - back[0][0]) / 2, r * 0.05, shade(tone, 0.8))
    c.disc(ax, top - r * 0.03, r * 0.03, colour=mood.on((240, 236, 228)))
    s, way = r * 0.8, (1 if look.shift < 0 else -1)
    bx = x + way * r * 0.75
    cloth = mood.on(look.accent_rgb)
    c.shadow(bx, foot + s * 0.06, s * 0.75, s * 0.16, 0.45, mood.on((60, 40, 30)))
    for dx in (-0.06, 0.06):
        c.line(
            [(bx - way * s * 0.5, foot + s * dx), (bx + way * s * 0.5, foot - s * (0.62 - dx))],
            mood.on((150, 108, 66)),
            s * 0.05,
        )
        c.line(
            [(bx + way * s * 0.42, foot + s * dx), (bx - way * s * 0.42, foot - s * (0.3 - dx))],
            mood.on((150, 108, 66)),
            s * 0.05,
        )
    c.shape(
        [
            (bx - way * s * 0.44, foot - s * 0.3),
            (bx + way * s * 0.06, foot - s * 0.16),
            (bx + way * s * 0.52, foot - s * 0.66),
            (bx + way * s * 0.4, foot - s * 0.68),
            (bx, foot - s * 0.28),
            (bx - way * s * 0.44, foot - s * 0.38),
        ],
        shade(cloth, 1.1),
        shade(cloth, 0.75),
    )
    if rng.random() < 0.6:
        ballx = x - way * r * rng.uniform(0.5, 1.0)
        c.shadow(ballx + r * 0.05, foot + r * 0.14, r * 0.2, r * 0.06, 0.5)
        c.ball(ballx, foot + r * 0.03, r * 0.13, r * 0.13, mood.on(look.accent_rgb))
