"""Still lifes on a table: cup of coffee, fruit bowl."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.noise import clouds
from backend.demo.gallery.paint import COLOURS, RGB, mix, shade, vary

# By lamplight a room is warm, not blue as the night outside is.
_ROOM = {"dawn": (1.0, 0.94, 0.86), "noon": (1.0, 1.0, 1.0), "dusk": (0.95, 0.78, 0.6), "night": (0.72, 0.56, 0.42)}


def room(c: Canvas, look: Look, table: float, wall: RGB, wood: RGB) -> tuple[float, float, float]:
    """Paint an out-of-focus wall with lights above row `table` and a wooden table below; return the light of the room."""
    rng, light = c.rng, _ROOM[look.light]

    def on(colour: RGB) -> RGB:
        return (round(colour[0] * light[0]), round(colour[1] * light[1]), round(colour[2] * light[2]))

    c.backdrop(((0.0, shade(on(wall), 1.05)), (1.0, shade(on(wall), 0.72))), 0, table)
    glow = {"dawn": (255, 226, 180), "noon": (255, 252, 240), "dusk": (255, 176, 96), "night": (255, 190, 110)}[
        look.light
    ]
    c.glow(c.w * (0.5 - 0.5 * look.shift), table * 0.2, c.u * 0.9, glow, 0.45)
    for _ in range(11):
        x, y, r = c.w * rng.random(), table * rng.random(), c.u * rng.uniform(0.025, 0.075)
        c.glow(x, y, r * 1.5, glow, 0.22 if look.light == "noon" else 0.36)
    c.backdrop(((0.0, shade(on(wood), 1.12)), (1.0, shade(on(wood), 0.62))), table, c.h)
    grain = clouds(rng, c.w // 3, max(8, (c.h - round(table)) // 3), scale=26, stretch=9, octaves=3)
    c.texture(grain, 0.24, table)
    for y in table + (c.h - table) * np.array([0.12, 0.36, 0.7]):
        c.line([(0, float(y)), (c.w, float(y) + c.u * rng.normal(0, 0.01))], shade(on(wood), 0.5), c.u * 0.003)
    return light


def coffee_cup(c: Canvas, look: Look, _mood: Mood) -> None:
    """A cup of coffee with latte art on a saucer, steam rising."""
    rng = c.rng
    table = c.h * (0.46 + 0.08 * look.tilt)
    light = room(c, look, table, mix((120, 104, 92), look.accent_rgb, 0.25), vary((164, 108, 66), rng, 12))

    def on(colour: RGB) -> RGB:
        return (round(colour[0] * light[0]), round(colour[1] * light[1]), round(colour[2] * light[2]))

    x, y, r = c.w * (0.5 + 0.14 * look.shift), c.h * 0.7, c.u * 0.22 * look.zoom
    flat = rng.uniform(0.3, 0.42)
    paint = on(look.rgb)
    c.shadow(x + r * 0.35, y + r * 0.62, r * 2.2, r * 0.85, 0.6)
    for k, tone in (
        (1.62, shade(paint, 0.78)),
        (1.58, shade(paint, 1.1)),
        (1.1, shade(paint, 0.94)),
        (1.02, shade(paint, 1.04)),
    ):
        c.disc(x, y + r * 0.55, r * k, r * k * flat, tone)
    c.shadow(x + r * 0.1, y + r * 0.6, r * 1.1, r * 0.4, 0.45)
    hx = x + r * 1.12
    c.pen.ellipse(
        (hx - r * 0.36, y - r * 0.42, hx + r * 0.34, y + r * 0.28),
        outline=shade(paint, 0.8),
        width=max(3, round(r * 0.14)),
    )
    side = [
        (x - r, y - r * 0.5),
        (x - r * 0.93, y + r * 0.05),
        (x - r * 0.62, y + r * 0.5),
        (x - r * 0.4, y + r * 0.62),
        (x + r * 0.4, y + r * 0.62),
        (x + r * 0.62, y + r * 0.5),
        (x + r * 0.93, y + r * 0.05),
        (x + r, y - r * 0.5),
    ]
    mask = Image.new("L", (round(2 * r) + 2, round(1.2 * r) + 2))
    ImageDraw.Draw(mask).polygon([(px - x + r, py - y + r * 0.5) for px, py in side], fill=255)
    c.paint_mask(
        mask,
        (round(x - r), round(y - r * 0.5)),
        ((0.0, shade(paint, 0.86)), (0.25, shade(paint, 1.22)), (0.6, paint), (1.0, shade(paint, 0.5))),
        sideways=True,
    )
    c.disc(x, y - r * 0.5, r, r * flat, shade(paint, 1.25))
    c.disc(x, y - r * 0.49, r * 0.92, r * flat * 0.9, shade(paint, 0.6))
    c.disc(x, y - r * 0.46, r * 0.88, r * flat * 0.84, on((92, 52, 28)))
    c.disc(x, y - r * 0.455, r * 0.8, r * flat * 0.74, on((150, 92, 50)))
    foam = on((240, 216, 180))
    for k in range(4):
        s = r * (0.5 - 0.1 * k)
        c.disc(
            x - s * 0.42,
            y - r * (0.56 - 0.06 * k),
            s * 0.52,
            s * flat * 0.6,
            foam if k % 2 == 0 else on((160, 100, 56)),
        )
        c.disc(
            x + s * 0.42,
            y - r * (0.56 - 0.06 * k),
            s * 0.52,
            s * flat * 0.6,
            foam if k % 2 == 0 else on((160, 100, 56)),
        )
    sx = x - r * 1.25
    c.line([(sx, y + r * 0.66), (sx + r * 0.9, y + r * 0.92)], on((214, 214, 218)), r * 0.06)
    c.disc(sx, y + r * 0.64, r * 0.2, r * 0.1, on((226, 226, 230)))
    for k in (-0.3, 0.05, 0.35):
        sway = rng.uniform(0, 6)
        path = [(x + r * (k + 0.16 * np.sin(sway + t * 5)), y - r * (0.6 + 1.5 * t)) for t in np.linspace(0, 1, 10)]
        c.soft(
            [*[(px - r * 0.07, py) for px, py in path], *[(px + r * 0.07, py) for px, py in reversed(path)]],
            (255, 255, 255),
            0.34,
            r * 0.14,
        )
    for _ in range(int(rng.integers(3, 12))):
        bx, by = c.w * rng.random(), c.h * rng.uniform(0.86, 0.98)
        c.ball(bx, by, r * 0.11, r * 0.08, on((84, 46, 26)))
        c.line([(bx - r * 0.08, by), (bx + r * 0.08, by)], on((44, 24, 14)), r * 0.02)
    if rng.random() < 0.5:
        bx, way = c.w * (0.16 if look.shift > 0 else 0.84), c.u * 0.13
        for k, tone in enumerate((look.accent_rgb, COLOURS["white"], (150, 60, 50))):
            c.box(
                bx - way,
                table + c.u * (0.02 - 0.045 * k),
                bx + way * rng.uniform(0.85, 1.0),
                table + c.u * (0.065 - 0.045 * k),
                shade(on(tone), 1.05),
                shade(on(tone), 0.7),
            )


def fruit_bowl(c: Canvas, look: Look, _mood: Mood) -> None:
    """Fruit of many colours heaped in a bowl on a table."""
    rng = c.rng
    table = c.h * (0.5 + 0.07 * look.tilt)
    light = room(c, look, table, mix((190, 186, 170), look.accent_rgb, 0.35), vary((186, 146, 104), rng, 12))

    def on(colour: RGB) -> RGB:
        return (round(colour[0] * light[0]), round(colour[1] * light[1]), round(colour[2] * light[2]))

    x, y, r = c.w * (0.5 + 0.14 * look.shift), c.h * 0.66, c.u * 0.36 * look.zoom
    c.shadow(x + r * 0.2, y + r * 0.56, r * 1.4, r * 0.34, 0.65)
    fruits: list[RGB] = [
        look.rgb,
        look.rgb,
        look.rgb,
        (238, 134, 30),
        (212, 46, 40),
        (246, 208, 60),
        (126, 178, 60),
        (110, 54, 120),
    ]
    for row, (count, lift) in enumerate(((5, 0.12), (4, 0.34), (3, 0.54), (1, 0.7))):
        for k in range(count):
            px = x + r * 0.36 * (k - (count - 1) / 2) + r * rng.normal(0, 0.03)
            py, s = y - r * (lift + rng.normal(0, 0.02)), r * rng.uniform(0.21, 0.27)
            tone = on(vary(fruits[int(rng.integers(len(fruits)))], rng, 8))
            c.shadow(px + s * 0.2, py + s * 0.3, s * 1.25, s * 1.1, 0.42)
            c.ball(px, py, s, s * rng.uniform(0.9, 1.06), tone, gloss=0.6)
            c.line([(px + s * 0.05, py - s * 0.85), (px + s * 0.16, py - s * 1.12)], on((86, 58, 32)), s * 0.08)
            if row > 0 and rng.random() < 0.4:
                c.shape(
                    [(px + s * 0.1, py - s), (px + s * 0.5, py - s * 1.25), (px + s * 0.7, py - s * 0.95)],
                    on((86, 140, 58)),
                    on((56, 100, 44)),
                )
    if rng.random() < 0.7:
        for k in range(3):
            _banana(c, x - r * (0.46 - 0.1 * k), y - r * (0.62 - 0.1 * k), r * 0.62, on((250, 214, 66)), 0.84 + 0.1 * k)
    bowl = on(look.accent_rgb)
    curve = [(x + r * np.cos(t), y + r * 0.55 * np.sin(t)) for t in np.linspace(0, np.pi, 30)]
    mask = Image.new("L", (round(2 * r) + 2, round(0.6 * r) + 2))
    ImageDraw.Draw(mask).polygon([(px - x + r, py - y) for px, py in curve], fill=255)
    c.paint_mask(
        mask,
        (round(x - r), round(y)),
        ((0.0, shade(bowl, 0.8)), (0.3, shade(bowl, 1.2)), (0.65, bowl), (1.0, shade(bowl, 0.45))),
        sideways=True,
    )
    c.box(x - r * 0.36, y + r * 0.5, x + r * 0.36, y + r * 0.58, shade(bowl, 0.7))
    c.line([(x - r, y), (x + r, y)], shade(bowl, 1.3), r * 0.045)
    for _ in range(2):
        s, px = r * 0.2, x + r * float(rng.choice([-1.25, 1.2]))
        tone = on(vary(fruits[int(rng.integers(len(fruits)))], rng, 8))
        py = y + r * rng.uniform(0.4, 0.55)
        c.shadow(px + s * 0.3, py + s * 0.8, s * 1.3, s * 0.4, 0.6)
        c.ball(px, py, s, s * 0.95, tone, gloss=0.6)


def _banana(c: Canvas, x: float, y: float, long: float, tone: RGB, bright: float) -> None:
    angles = np.linspace(np.pi * 0.12, np.pi * 0.74, 14)
    swell = np.sin(np.linspace(0.16, np.pi - 0.16, 14)) ** 0.6 * long * 0.13
    outer = [
        (x + np.cos(t) * (long + s), y + np.sin(t) * (long * 0.62 + s)) for t, s in zip(angles, swell, strict=True)
    ]
    inner = [
        (x + np.cos(t) * (long - s), y + np.sin(t) * (long * 0.62 - s)) for t, s in zip(angles, swell, strict=True)
    ]
    middle = [((p[0] + q[0]) / 2, (p[1] + q[1]) / 2) for p, q in zip(outer, inner, strict=True)]
    c.shape([*outer, *reversed(inner)], shade(tone, bright), shade(tone, bright * 0.7))
    c.shape([*middle, *reversed(inner)], shade(tone, bright * 1.12), shade(tone, bright * 0.94))
    for end in (middle[0], middle[-1]):
        c.disc(*end, long * 0.04, colour=shade(tone, 0.35))
