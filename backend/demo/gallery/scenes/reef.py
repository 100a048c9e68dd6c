"""Under water: coral reef with fish."""

from __future__ import annotations

import numpy as np

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import ridge
from backend.demo.gallery.paint import RGB, mix, shade


def coral_reef(c: Canvas, look: Look, _mood: Mood) -> None:
    """Fish above corals under water, with shafts of light from the surface."""
    rng = c.rng
    deep = {"dawn": (20, 96, 130), "noon": (0, 128, 176), "dusk": (22, 74, 116), "night": (8, 38, 82)}[look.light]
    c.backdrop(((0.0, mix(deep, (170, 240, 236), 0.6)), (0.3, shade(deep, 1.12)), (1.0, shade(deep, 0.5))))
    for _ in range(6):
        x = c.w * rng.uniform(-0.1, 1.1)
        c.soft(
            [
                (x, -c.u * 0.1),
                (x + c.u * 0.07, -c.u * 0.1),
                (x + c.u * rng.uniform(0.1, 0.4), c.h),
                (x - c.u * 0.05, c.h),
            ],
            (210, 250, 240),
            0.16,
            c.u * 0.05,
        )
    for k in range(3):
        ridge(
            c,
            c.h * (0.72 + 0.1 * k + 0.03 * look.tilt),
            c.u * 0.07,
            mix(shade(deep, 0.9), (120, 110, 100), 0.2 * k),
            mix(shade(deep, 0.5), (80, 60, 60), 0.15 * k),
            bumps=3 + k,
        )
        for _ in range(9):
            _coral(
                c,
                c.w * rng.random(),
                c.h * (0.8 + 0.1 * k),
                c.u * rng.uniform(0.08, 0.17) * (0.6 + 0.3 * k),
                deep,
                0.45 - 0.2 * k,
            )
    for _ in range(30):
        c.disc(
            c.w * rng.random(),
            c.h * rng.random() * 0.8,
            c.u * rng.uniform(0.002, 0.007),
            colour=mix(deep, (230, 255, 255), 0.5),
        )
    school_x, school_y = c.w * rng.uniform(0.2, 0.8), c.h * rng.uniform(0.2, 0.45)
    for _ in range(int(rng.integers(8, 18))):
        _fish(
            c,
            school_x + c.u * rng.normal(0, 0.2),
            school_y + c.u * rng.normal(0, 0.09),
            c.u * rng.uniform(0.022, 0.035),
            mix(look.accent_rgb, deep, 0.35),
        )
    for _ in range(int(rng.integers(3, 7))):
        _fish(
            c,
            c.w * rng.uniform(0.1, 0.9),
            c.h * rng.uniform(0.3, 0.75),
            c.u * rng.uniform(0.05, 0.1) * look.zoom,
            mix(look.rgb, deep, 0.08),
        )


def _coral(c: Canvas, x: float, y: float, s: float, deep: RGB, murk: float) -> None:
    rng = c.rng
    tone = mix(
        ((240, 110, 120), (250, 160, 80), (190, 110, 200), (240, 210, 120), (230, 90, 160), (120, 200, 160))[
            int(rng.integers(6))
        ],
        deep,
        max(murk, 0.05),
    )
    form = rng.random()
    if form < 0.45:
        for _ in range(11):
            a, long = rng.normal(-np.pi / 2, 0.5), s * rng.uniform(0.6, 1.1)
            tip = (x + np.cos(a) * long, y + np.sin(a) * long)
            c.line(
                [(x, y), ((x + tip[0]) / 2 + s * 0.05, (y + tip[1]) / 2), tip],
                shade(tone, rng.uniform(0.75, 1.1)),
                s * 0.11,
            )
            c.disc(*tip, s * 0.07, colour=shade(tone, 1.25))
    elif form < 0.75:
        for i in range(7):
            c.ball(
                x + s * rng.normal(0, 0.3),
                y - s * 0.3 * rng.random() - s * 0.05 * i,
                s * 0.27,
                s * 0.24,
                tone,
                gloss=0.15,
            )
    else:
        for i in range(9):
            a = -np.pi * (0.15 + 0.7 * i / 8)
            c.shape(
                [
                    (x, y),
                    (x + np.cos(a - 0.1) * s, y + np.sin(a - 0.1) * s),
                    (x + np.cos(a + 0.1) * s, y + np.sin(a + 0.1) * s),
                ],
                shade(tone, 1.1),
                shade(tone, 0.7),
            )


def _fish(c: Canvas, x: float, y: float, s: float, tone: RGB) -> None:
    way = 1 if c.rng.random() < 0.5 else -1
    c.shape(
        [
            (x - way * s * 0.8, y),
            (x - way * s * 1.6, y - s * 0.55),
            (x - way * s * 1.4, y),
            (x - way * s * 1.6, y + s * 0.55),
        ],
        shade(tone, 0.85),
    )
    c.shape(
        [(x + way * s * 0.2, y - s * 0.5), (x - way * s * 0.5, y - s * 0.9), (x - way * s * 0.55, y - s * 0.3)],
        shade(tone, 0.8),
    )
    c.ball(x, y, s, s * 0.58, shade(tone, 1.12), gloss=0.25, light=(0.0, -0.8))
    for k in (-0.1, 0.35):
        c.line(
            [(x + way * s * k, y - s * 0.48), (x + way * s * (k - 0.06), y + s * 0.46)],
            mix(tone, (255, 255, 255), 0.75),
            s * 0.13,
        )
    c.disc(x + way * s * 0.66, y - s * 0.12, s * 0.12, colour=(250, 250, 250))
    c.disc(x + way * s * 0.68, y - s * 0.12, s * 0.06, colour=(16, 16, 22))
