"""On rails: train in a landscape."""

from __future__ import annotations

import numpy as np

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import foliage, grass, ridge, sky
from backend.demo.gallery.paint import COLOURS, RGB, shade


def train(c: Canvas, look: Look, mood: Mood) -> None:
    """A train crosses a hilly landscape on an embankment."""
    rng = c.rng
    rail = c.h * (0.74 + 0.05 * look.tilt)
    sky(c, look, mood, rail)
    for k, haze in enumerate((0.7, 0.5, 0.25)):
        ridge(
            c,
            rail - c.h * (0.2 - 0.06 * k),
            c.h * (0.15 - 0.03 * k),
            mood.far((92, 116, 112), haze),
            mood.far((120, 148, 90), haze),
            bumps=2 + k * 0.5,
        )
    for px in rng.random(34) * c.w:
        foliage(
            c,
            float(px),
            rail - c.u * rng.uniform(0.0, 0.06),
            c.u * rng.uniform(0.02, 0.05),
            mood.far((64, 104, 58), 0.2),
            14,
        )
    c.backdrop(
        (
            (0.0, mood.on((140, 128, 112))),
            (0.12, mood.on((104, 96, 84))),
            (0.2, mood.on((112, 146, 66))),
            (1.0, mood.on((72, 108, 48))),
        ),
        rail,
        c.h,
    )
    grass(c, rail + c.h * 0.07, c.h * 1.04, mood.on((110, 148, 64)), 600, tall=0.04)
    for px in rng.random(110) * c.w:
        near = rng.random()
        paint = mood.on(COLOURS[("red", "yellow", "white", "purple")[int(rng.integers(4))]])
        c.disc(float(px), rail + (c.h - rail) * (0.35 + 0.65 * near), c.u * (0.003 + 0.007 * near), colour=paint)
    for px in np.arange(0, c.w, c.u * 0.03):
        c.box(float(px), rail + c.u * 0.008, float(px) + c.u * 0.014, rail + c.u * 0.02, mood.on((76, 58, 46)))
    c.box(0, rail + c.u * 0.002, c.w, rail + c.u * 0.008, mood.on((190, 190, 196)))
    tall, long = c.u * 0.19 * look.zoom, c.u * 0.6 * look.zoom
    nose = c.w * (0.62 + 0.26 * look.shift)
    body = mood.on(look.rgb)
    x, cars = nose, 0
    while x > -long and cars < 9:
        _carriage(c, look, mood, x, rail, tall, long, body, front=cars == 0)
        x -= long * 1.03
        cars += 1
    for px in np.arange(c.w * rng.random() * 0.3, c.w, c.u * 0.5):
        c.line([(float(px), rail + c.u * 0.02), (float(px), rail - tall * 1.75)], mood.on((70, 72, 78)), c.u * 0.006)
        c.line(
            [(float(px), rail - tall * 1.68), (float(px) + c.u * 0.06, rail - tall * 1.6)],
            mood.on((70, 72, 78)),
            c.u * 0.004,
        )
    c.line([(0, rail - tall * 1.6), (c.w, rail - tall * 1.6)], mood.on((60, 62, 68)), c.u * 0.0018)


def _carriage(
    c: Canvas, look: Look, mood: Mood, right: float, rail: float, tall: float, long: float, body: RGB, *, front: bool
) -> None:
    low, top = rail - tall * 0.16, rail - tall * 1.15
    left = right - long
    c.shadow((left + right) / 2, rail + tall * 0.06, long * 0.55, tall * 0.2, 0.6)
    slope = tall * 0.9 if front else 0.0
    c.shape(
        [
            (left, low),
            (left, top),
            (right - slope, top),
            (right - slope * 0.25, low - tall * 0.42),
            (right, low - tall * 0.18),
            (right, low),
        ],
        shade(body, 1.12),
        shade(body, 0.66),
    )
    c.shape(
        [(left, top), (right - slope, top), (right - slope * 0.9, top + tall * 0.08), (left, top + tall * 0.08)],
        mood.on((214, 214, 218)),
    )
    c.box(left, low - tall * 0.2, right - (tall * 0.04 if front else 0), low - tall * 0.12, mood.on(look.accent_rgb))
    pane = (255, 222, 150) if mood.dark or look.light == "dusk" else mood.on((70, 92, 112))
    for k in range(6):
        wx = left + long * (0.06 + 0.15 * k)
        if wx + long * 0.11 < right - slope * 0.8:
            c.box(wx, low - tall * 0.8, wx + long * 0.11, low - tall * 0.42, shade(pane, 1.1), shade(pane, 0.85))
    if front:
        c.shape(
            [
                (right - slope * 0.92, top + tall * 0.12),
                (right - slope * 0.42, low - tall * 0.5),
                (right - slope * 0.95, low - tall * 0.5),
            ],
            mood.on((40, 52, 66)),
        )
        c.disc(right - tall * 0.1, low - tall * 0.14, tall * 0.05, colour=(255, 246, 210))
        if mood.dark or look.light == "dusk":
            c.glow(right, low - tall * 0.14, tall * 1.8, (255, 236, 180), 0.8)
    for axle in (0.12, 0.22, 0.78, 0.88):
        c.disc(left + long * axle, rail - tall * 0.08, tall * 0.1, colour=mood.on((48, 48, 54)))
        c.disc(left + long * axle, rail - tall * 0.08, tall * 0.04, colour=mood.on((120, 120, 126)))
