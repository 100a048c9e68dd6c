"""Scenes of the open coast: lighthouse, sailing boat."""

from __future__ import annotations

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import ridge, ripples, sky, water
from backend.demo.gallery.paint import COLOURS, mix, shade, vary


def lighthouse(c: Canvas, look: Look, mood: Mood) -> None:
    """A banded tower on a grassy headland above the sea."""
    rng = c.rng
    sea = c.h * (0.62 + 0.06 * look.tilt)
    sky(c, look, mood, sea)
    ridge(c, sea, c.u * 0.03, mood.far((70, 90, 110), 0.6), mood.haze, bumps=2, bottom=sea + 2)
    water(c, sea, mood, mirror=0.3, waves=1.3)
    x, foot = c.w * (0.5 + 0.22 * look.shift), c.h * (0.74 + 0.03 * look.tilt)
    side = 1 if look.shift > 0 else -1
    rocks = [
        (x - side * c.u * 0.46, c.h * 1.02),
        (x - side * c.u * 0.36, foot + c.u * 0.1),
        (x - side * c.u * 0.22, foot + c.u * 0.02),
        (x, foot - c.u * 0.015),
        (x + side * c.u * 0.3, foot - c.u * 0.03),
        (x + side * c.w, foot - c.u * 0.08),
        (x + side * c.w, c.h * 1.02),
    ]
    c.shape(rocks, mood.on((122, 112, 98)), mood.on((58, 52, 52)))
    for _ in range(46):
        px, py = x + side * c.u * rng.uniform(-0.34, 0.9), foot + c.u * rng.uniform(0.06, 0.34)
        s = c.u * rng.uniform(0.02, 0.06)
        tone = vary(mood.on((104, 96, 88)), rng, 12)
        c.pen.polygon(
            [
                (px - s, py + s * 0.5),
                (px - s * 0.3, py - s * 0.4),
                (px + s * 0.7, py - s * 0.2),
                (px + s, py + s * 0.6),
            ],
            fill=tone,
        )
    top = [(px, py) for px, py in rocks[2:6]]
    c.shape(
        [*top, (top[-1][0], top[-1][1] + c.u * 0.1), (x + side * c.u * 0.2, foot + c.u * 0.06)],
        mood.on((116, 150, 76)),
        mood.on((76, 108, 58)),
    )
    tall, wide = c.u * 0.5 * look.zoom, c.u * 0.115 * look.zoom
    if mood.dark or look.light == "dusk":
        for way in (-1, 1):
            c.soft(
                [(x, foot - tall), (x + way * c.w, foot - tall - c.u * 0.16), (x + way * c.w, foot - tall + c.u * 0.1)],
                (255, 240, 190),
                0.42 if mood.dark else 0.2,
                c.u * 0.03,
            )
    c.shadow(x + wide * 0.6, foot, wide * 1.4, wide * 0.3, 0.5)
    bands = 6
    for i in range(bands):
        low, high = foot - tall * i / bands * 0.86, foot - tall * (i + 1) / bands * 0.86
        paint = look.rgb if i % 2 else COLOURS["white"]
        c.bar(x, high, low + 1, wide * (1 - 0.4 * (i + 1) / bands), wide * (1 - 0.4 * i / bands), mood.on(paint))
    gallery = foot - tall * 0.86
    c.box(x - wide * 0.42, gallery - wide * 0.08, x + wide * 0.42, gallery, mood.on((52, 52, 58)))
    c.box(
        x - wide * 0.24,
        gallery - wide * 0.5,
        x + wide * 0.24,
        gallery - wide * 0.08,
        (255, 236, 170),
        mood.on((190, 200, 200)),
    )
    c.line([(x, gallery - wide * 0.5), (x, gallery - wide * 0.08)], mood.on((50, 50, 56)), wide * 0.05)
    c.shape(
        [
            (x - wide * 0.32, gallery - wide * 0.48),
            (x, gallery - wide * 0.84),
            (x + wide * 0.32, gallery - wide * 0.48),
        ],
        mood.on(look.rgb),
    )
    for pane in (0.25, 0.55):
        c.box(x - wide * 0.06, foot - tall * (pane + 0.06), x + wide * 0.06, foot - tall * pane, mood.on((44, 50, 62)))
    if mood.dark or look.light == "dusk":
        c.glow(x, gallery - wide * 0.28, c.u * 0.24, (255, 226, 150), 1.0)
    hx, hy = x + side * c.u * 0.17, foot + c.u * 0.012
    c.box(hx - c.u * 0.07, hy - c.u * 0.08, hx + c.u * 0.07, hy, mood.on((236, 230, 220)), mood.on((188, 180, 172)))
    c.shape(
        [
            (hx - c.u * 0.085, hy - c.u * 0.075),
            (hx - c.u * 0.05, hy - c.u * 0.13),
            (hx + c.u * 0.05, hy - c.u * 0.13),
            (hx + c.u * 0.085, hy - c.u * 0.075),
        ],
        mood.on(shade(look.rgb, 0.85)),
    )


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
    c.soft(
        [(x - tall * 0.05, line), (x + tall * 0.4, line), (x + lean * 0.3, line + tall * 0.75)], main, 0.34, c.u * 0.03
    )
    c.shape(
        [
            (x + tall * 0.03, line - tall * 0.1),
            (tip[0], tip[1]),
            (x + tall * 0.26 + lean, line - tall * 0.42),
            (x + tall * 0.42, line - tall * 0.12),
        ],
        shade(main, 1.15),
        shade(main, 0.78),
        sideways=True,
    )
    c.shape(
        [
            (x - tall * 0.02, line - tall * 0.12),
            (tip[0] - tall * 0.015, tip[1] + tall * 0.1),
            (x - tall * 0.2 + lean, line - tall * 0.36),
            (x - tall * 0.3, line - tall * 0.1),
        ],
        shade(white, 0.86),
        white,
        sideways=True,
    )
    for i in range(1, 5):
        k = i / 5
        c.line(
            [
                (x + tall * 0.03 * (1 - k) + lean * k, line - tall * 0.1 - tall * 0.9 * k),
                (x + tall * 0.4 * (1 - k) ** 0.8 + lean * k, line - tall * 0.12 - tall * 0.86 * k),
            ],
            shade(main, 0.7),
            c.u * 0.0016,
        )
    c.line([(x, line - tall * 0.04), tip], mood.on((96, 74, 56)), c.u * 0.006)
    c.shape(
        [
            (x - tall * 0.36, line - tall * 0.085),
            (x + tall * 0.44, line - tall * 0.095),
            (x + tall * 0.34, line),
            (x - tall * 0.27, line),
        ],
        hull,
        shade(hull, 0.62),
    )
    c.shape(
        [
            (x - tall * 0.345, line - tall * 0.06),
            (x + tall * 0.42, line - tall * 0.068),
            (x + tall * 0.4, line - tall * 0.045),
            (x - tall * 0.325, line - tall * 0.038),
        ],
        main,
    )
    c.shadow(x + tall * 0.03, line + tall * 0.03, tall * 0.42, tall * 0.06, 0.45, mood.on((8, 30, 48)))
    ripples(c, line, line + tall * 0.3, mood, 60)
