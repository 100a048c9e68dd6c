"""Scenes by and in the sea: lighthouse, sailing boat, harbour houses, beach umbrella, coral reef."""

from __future__ import annotations

import numpy as np

from backend.embedded.gallery.canvas import Canvas
from backend.embedded.gallery.look import Look, Mood
from backend.embedded.gallery.nature import ridge, ripples, sky, water
from backend.embedded.gallery.noise import clouds
from backend.embedded.gallery.paint import COLOURS, RGB, mix, shade, vary


def lighthouse(c: Canvas, look: Look, mood: Mood) -> None:
    """A banded tower on a grassy headland above the sea."""
    rng = c.rng
    sea = c.h * (0.62 + 0.06 * look.tilt)
    sky(c, look, mood, sea)
    ridge(c, sea, c.u * 0.03, mood.far((70, 90, 110), 0.6), mood.haze, bumps=2, bottom=sea + 2)
    water(c, sea, mood, mirror=0.3, waves=1.3)
    x, foot = c.w * (0.5 + 0.22 * look.shift), c.h * (0.74 + 0.03 * look.tilt)
    side = 1 if look.shift > 0 else -1
    rocks = [(x - side * c.u * 0.46, c.h * 1.02), (x - side * c.u * 0.36, foot + c.u * 0.1), (x - side * c.u * 0.22, foot + c.u * 0.02),
             (x, foot - c.u * 0.015), (x + side * c.u * 0.3, foot - c.u * 0.03), (x + side * c.w, foot - c.u * 0.08),
             (x + side * c.w, c.h * 1.02)]
    c.shape(rocks, mood.on((122, 112, 98)), mood.on((58, 52, 52)))
    for _ in range(46):
        px, py = x + side * c.u * rng.uniform(-0.34, 0.9), foot + c.u * rng.uniform(0.06, 0.34)
        s = c.u * rng.uniform(0.02, 0.06)
        tone = vary(mood.on((104, 96, 88)), rng, 12)
        c.pen.polygon([(px - s, py + s * 0.5), (px - s * 0.3, py - s * 0.4), (px + s * 0.7, py - s * 0.2), (px + s, py + s * 0.6)], fill=tone)
    top = [(px, py) for px, py in rocks[2:6]]
    c.shape([*top, (top[-1][0], top[-1][1] + c.u * 0.1), (x + side * c.u * 0.2, foot + c.u * 0.06)], mood.on((116, 150, 76)),
            mood.on((76, 108, 58)))
    tall, wide = c.u * 0.5 * look.zoom, c.u * 0.115 * look.zoom
    if mood.dark or look.light == "dusk":
        for way in (-1, 1):
            c.soft([(x, foot - tall), (x + way * c.w, foot - tall - c.u * 0.16), (x + way * c.w, foot - tall + c.u * 0.1)],
                   (255, 240, 190), 0.42 if mood.dark else 0.2, c.u * 0.03)
    c.shadow(x + wide * 0.6, foot, wide * 1.4, wide * 0.3, 0.5)
    bands = 6
    for i in range(bands):
        low, high = foot - tall * i / bands * 0.86, foot - tall * (i + 1) / bands * 0.86
        paint = look.rgb if i % 2 else COLOURS["white"]
        c.bar(x, high, low + 1, wide * (1 - 0.4 * (i + 1) / bands), wide * (1 - 0.4 * i / bands), mood.on(paint))
    gallery = foot - tall * 0.86
    c.box(x - wide * 0.42, gallery - wide * 0.08, x + wide * 0.42, gallery, mood.on((52, 52, 58)))
    c.box(x - wide * 0.24, gallery - wide * 0.5, x + wide * 0.24, gallery - wide * 0.08, (255, 236, 170), mood.on((190, 200, 200)))
    c.line([(x, gallery - wide * 0.5), (x, gallery - wide * 0.08)], mood.on((50, 50, 56)), wide * 0.05)
    c.shape([(x - wide * 0.32, gallery - wide * 0.48), (x, gallery - wide * 0.84), (x + wide * 0.32, gallery - wide * 0.48)], mood.on(look.rgb))
    for i in (0.25, 0.55):
        c.box(x - wide * 0.06, foot - tall * (i + 0.06), x + wide * 0.06, foot - tall * i, mood.on((44, 50, 62)))
    if mood.dark or look.light == "dusk":
        c.glow(x, gallery - wide * 0.28, c.u * 0.24, (255, 226, 150), 1.0)
    hx, hy = x + side * c.u * 0.17, foot + c.u * 0.012
    c.box(hx - c.u * 0.07, hy - c.u * 0.08, hx + c.u * 0.07, hy, mood.on((236, 230, 220)), mood.on((188, 180, 172)))
    c.shape([(hx - c.u * 0.085, hy - c.u * 0.075), (hx - c.u * 0.05, hy - c.u * 0.13), (hx + c.u * 0.05, hy - c.u * 0.13),
             (hx + c.u * 0.085, hy - c.u * 0.075)], mood.on(shade(look.rgb, 0.85)))


def sailing_boat(c: Canvas, look: Look, mood: Mood) -> None:
    """A boat with coloured sails on open water."""
    sea = c.h * (0.56 + 0.1 * look.tilt)
    sky(c, look, mood, sea)
    ridge(c, sea, c.u * 0.05, mood.far((74, 100, 122), 0.65), mood.far((96, 122, 136), 0.75), bumps=2.5, bottom=sea + 2)
    x, line = c.w * (0.5 + 0.2 * look.shift), sea + c.h * 0.1
    tall, lean = c.u * 0.58 * look.zoom, c.u * c.rng.uniform(-0.05, 0.05)
    hull, main, white = mood.on((246, 244, 238)), mood.on(look.rgb), mood.on(mix(look.rgb, COLOURS["white"], 0.55))
    water(c, sea, mood, mirror=0.5, waves=1.2, depth=(20, 86, 122))
    mast = line - tall
    tip = (x + lean, mast)
    c.soft([(x - tall * 0.05, line), (x + tall * 0.4, line), (x + lean * 0.3, line + tall * 0.75)], main, 0.34, c.u * 0.03)
    c.shape([(x + tall * 0.03, line - tall * 0.1), (tip[0], tip[1]), (x + tall * 0.26 + lean, line - tall * 0.42),
             (x + tall * 0.42, line - tall * 0.12)], shade(main, 1.15), shade(main, 0.78), sideways=True)
    c.shape([(x - tall * 0.02, line - tall * 0.12), (tip[0] - tall * 0.015, tip[1] + tall * 0.1), (x - tall * 0.2 + lean, line - tall * 0.36),
             (x - tall * 0.3, line - tall * 0.1)], shade(white, 0.86), white, sideways=True)
    for i in range(1, 5):
        k = i / 5
        c.line([(x + tall * 0.03 * (1 - k) + lean * k, line - tall * 0.1 - tall * 0.9 * k),
                (x + tall * 0.4 * (1 - k) ** 0.8 + lean * k, line - tall * 0.12 - tall * 0.86 * k)], shade(main, 0.7), c.u * 0.0016)
    c.line([(x, line - tall * 0.04), tip], mood.on((96, 74, 56)), c.u * 0.006)
    c.shape([(x - tall * 0.36, line - tall * 0.085), (x + tall * 0.44, line - tall * 0.095), (x + tall * 0.34, line), (x - tall * 0.27, line)],
            hull, shade(hull, 0.62))
    c.shape([(x - tall * 0.345, line - tall * 0.06), (x + tall * 0.42, line - tall * 0.068), (x + tall * 0.4, line - tall * 0.045),
             (x - tall * 0.325, line - tall * 0.038)], main)
    c.shadow(x + tall * 0.03, line + tall * 0.03, tall * 0.42, tall * 0.06, 0.45, mood.on((8, 30, 48)))
    ripples(c, line, line + tall * 0.3, mood, 60)


def harbour_houses(c: Canvas, look: Look, mood: Mood) -> None:
    """A row of gabled houses in many colours along a quay, mirrored in the water."""
    rng = c.rng
    quay = c.h * (0.66 + 0.05 * look.tilt)
    sky(c, look, mood, quay)
    paints: list[RGB] = [look.rgb, look.accent_rgb, (226, 170, 96), (190, 84, 70), (238, 222, 186), (104, 150, 160), look.rgb, (222, 196, 110)]
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
            c.shape([(x - wide * 0.04, top + 1), (x + wide * 0.14, peak + wide * 0.1), (x + wide * 0.86, peak + wide * 0.1),
                     (x + wide * 1.04, top + 1)], roof, shade(roof, 0.75))
        floors, columns = int(rng.integers(3, 5)), int(rng.integers(2, 4))
        for f in range(floors):
            for k in range(columns):
                wx, wy = x + wide * (k + 0.5) / columns, top + tall * (f + 0.35) / (floors + 0.2)
                s, t = wide * 0.24 / columns * 1.25, tall * 0.3 / floors
                lit = rng.random() < (0.6 if mood.dark else 0.35 if look.light == "dusk" else 0)
                c.pen.rectangle((wx - s * 1.25, wy - t * 1.15, wx + s * 1.25, wy + t * 1.15), fill=mood.on((246, 242, 234)))
                c.pen.rectangle((wx - s, wy - t, wx + s, wy + t), fill=(255, 214, 130) if lit else mood.on((70, 88, 104)))
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
        c.shape([(bx - s, by - s * 0.35), (bx + s * 1.1, by - s * 0.4), (bx + s * 0.8, by), (bx - s * 0.75, by)], paint, shade(paint, 0.6))
        c.line([(bx, by - s * 0.3), (bx, by - s * 1.7)], mood.on((84, 66, 52)), s * 0.07)


def beach_umbrella(c: Canvas, look: Look, mood: Mood) -> None:
    """A striped parasol and a deck chair on the sand in front of the surf."""
    rng = c.rng
    sea = c.h * (0.36 + 0.06 * look.tilt)
    sky(c, look, mood, sea, cover=0.35)
    beach = c.h * (0.54 + 0.04 * look.tilt)
    c.backdrop(((0.0, mood.on((24, 104, 158))), (0.6, mood.on((46, 168, 190))), (1.0, mood.on((150, 222, 214)))), sea, beach + c.h * 0.05)
    ripples(c, sea, beach, mood, 150)
    for k, depth in enumerate((0.0, 0.035, 0.06)):
        ridge(c, beach + c.h * depth, c.u * 0.014, mood.on((250, 252, 250)), mood.on((238, 246, 242)), bumps=3 + k,
                     bottom=beach + c.h * depth + c.u * 0.03)
        if k < 2:
            c.veil(np.full((2, 2), 0.55, np.float32), mood.on((120, 206, 208)), beach + c.h * depth + c.u * 0.012, beach + c.h * depth + c.u * 0.036)
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
        arc = [(ax + np.cos(one) * r * np.sin(s), top + r * 0.72 - r * 0.72 * np.cos(s)) for s in np.linspace(0, np.pi / 2, 6)]
        back = [(ax + np.cos(two) * r * np.sin(s), top + r * 0.72 - r * 0.72 * np.cos(s)) for s in np.linspace(np.pi / 2, 0, 6)]
        c.pen.polygon([*arc, *back], fill=shade(tone, 1.1 - 0.06 * abs(i - 2)))
        mid = (arc[-1][0] + back[0][0]) / 2
        c.disc(mid, top + r * 0.72, abs(arc[-1][0] - back[0][0]) / 2, r * 0.05, shade(tone, 0.8))
    c.disc(ax, top - r * 0.03, r * 0.03, colour=mood.on((240, 236, 228)))
    s, way = r * 0.8, (1 if look.shift < 0 else -1)
    bx = x + way * r * 0.75
    cloth = mood.on(look.accent_rgb)
    c.shadow(bx, foot + s * 0.06, s * 0.75, s * 0.16, 0.45, mood.on((60, 40, 30)))
    for dx in (-0.06, 0.06):
        c.line([(bx - way * s * 0.5, foot + s * dx), (bx + way * s * 0.5, foot - s * (0.62 - dx))], mood.on((150, 108, 66)), s * 0.05)
        c.line([(bx + way * s * 0.42, foot + s * dx), (bx - way * s * 0.42, foot - s * (0.3 - dx))], mood.on((150, 108, 66)), s * 0.05)
    c.shape([(bx - way * s * 0.44, foot - s * 0.3), (bx + way * s * 0.06, foot - s * 0.16), (bx + way * s * 0.52, foot - s * 0.66),
             (bx + way * s * 0.4, foot - s * 0.68), (bx, foot - s * 0.28), (bx - way * s * 0.44, foot - s * 0.38)], shade(cloth, 1.1), shade(cloth, 0.75))
    if rng.random() < 0.6:
        ballx = x - way * r * rng.uniform(0.5, 1.0)
        c.shadow(ballx + r * 0.05, foot + r * 0.14, r * 0.2, r * 0.06, 0.5)
        c.ball(ballx, foot + r * 0.03, r * 0.13, r * 0.13, mood.on(look.accent_rgb))


def coral_reef(c: Canvas, look: Look, mood: Mood) -> None:
    """Fish above corals under water, with shafts of light from the surface."""
    rng = c.rng
    deep = {"dawn": (20, 96, 130), "noon": (0, 128, 176), "dusk": (22, 74, 116), "night": (8, 38, 82)}[look.light]
    c.backdrop(((0.0, mix(deep, (170, 240, 236), 0.6)), (0.3, shade(deep, 1.12)), (1.0, shade(deep, 0.5))))
    for _ in range(6):
        x = c.w * rng.uniform(-0.1, 1.1)
        c.soft([(x, -c.u * 0.1), (x + c.u * 0.07, -c.u * 0.1), (x + c.u * rng.uniform(0.1, 0.4), c.h), (x - c.u * 0.05, c.h)],
               (210, 250, 240), 0.16, c.u * 0.05)
    for k in range(3):
        ridge(c, c.h * (0.72 + 0.1 * k + 0.03 * look.tilt), c.u * 0.07, mix(shade(deep, 0.9), (120, 110, 100), 0.2 * k),
              mix(shade(deep, 0.5), (80, 60, 60), 0.15 * k), bumps=3 + k)
        for _ in range(9):
            _coral(c, c.w * rng.random(), c.h * (0.8 + 0.1 * k), c.u * rng.uniform(0.08, 0.17) * (0.6 + 0.3 * k), deep, 0.45 - 0.2 * k)
    for _ in range(30):
        c.disc(c.w * rng.random(), c.h * rng.random() * 0.8, c.u * rng.uniform(0.002, 0.007), colour=mix(deep, (230, 255, 255), 0.5))
    school_x, school_y = c.w * rng.uniform(0.2, 0.8), c.h * rng.uniform(0.2, 0.45)
    for _ in range(int(rng.integers(8, 18))):
        _fish(c, school_x + c.u * rng.normal(0, 0.2), school_y + c.u * rng.normal(0, 0.09), c.u * rng.uniform(0.022, 0.035),
              mix(look.accent_rgb, deep, 0.35))
    for _ in range(int(rng.integers(3, 7))):
        _fish(c, c.w * rng.uniform(0.1, 0.9), c.h * rng.uniform(0.3, 0.75), c.u * rng.uniform(0.05, 0.1) * look.zoom, mix(look.rgb, deep, 0.08))


def _coral(c: Canvas, x: float, y: float, s: float, deep: RGB, murk: float) -> None:
    rng = c.rng
    tone = mix(((240, 110, 120), (250, 160, 80), (190, 110, 200), (240, 210, 120), (230, 90, 160), (120, 200, 160))[int(rng.integers(6))], deep,
               max(murk, 0.05))
    form = rng.random()
    if form < 0.45:
        for _ in range(11):
            a, long = rng.normal(-np.pi / 2, 0.5), s * rng.uniform(0.6, 1.1)
            tip = (x + np.cos(a) * long, y + np.sin(a) * long)
            c.line([(x, y), ((x + tip[0]) / 2 + s * 0.05, (y + tip[1]) / 2), tip], shade(tone, rng.uniform(0.75, 1.1)), s * 0.11)
            c.disc(*tip, s * 0.07, colour=shade(tone, 1.25))
    elif form < 0.75:
        for i in range(7):
            c.ball(x + s * rng.normal(0, 0.3), y - s * 0.3 * rng.random() - s * 0.05 * i, s * 0.27, s * 0.24, tone, gloss=0.15)
    else:
        for i in range(9):
            a = -np.pi * (0.15 + 0.7 * i / 8)
            c.shape([(x, y), (x + np.cos(a - 0.1) * s, y + np.sin(a - 0.1) * s), (x + np.cos(a + 0.1) * s, y + np.sin(a + 0.1) * s)],
                    shade(tone, 1.1), shade(tone, 0.7))


def _fish(c: Canvas, x: float, y: float, s: float, tone: RGB) -> None:
    way = 1 if c.rng.random() < 0.5 else -1
    c.shape([(x - way * s * 0.8, y), (x - way * s * 1.6, y - s * 0.55), (x - way * s * 1.4, y), (x - way * s * 1.6, y + s * 0.55)], shade(tone, 0.85))
    c.shape([(x + way * s * 0.2, y - s * 0.5), (x - way * s * 0.5, y - s * 0.9), (x - way * s * 0.55, y - s * 0.3)], shade(tone, 0.8))
    c.ball(x, y, s, s * 0.58, shade(tone, 1.12), gloss=0.25, light=(0.0, -0.8))
    for k in (-0.1, 0.35):
        c.line([(x + way * s * k, y - s * 0.48), (x + way * s * (k - 0.06), y + s * 0.46)], mix(tone, (255, 255, 255), 0.75), s * 0.13)
    c.disc(x + way * s * 0.66, y - s * 0.12, s * 0.12, colour=(250, 250, 250))
    c.disc(x + way * s * 0.68, y - s * 0.12, s * 0.06, colour=(16, 16, 22))

