"""Scenes of the mountains and the north: mountain lake, snowy forest, aurora."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.nature import pine, ridge, sky, stars, water
from backend.demo.gallery.noise import clouds, ridge_line, smoothstep
from backend.demo.gallery.paint import RGB, mix, shade, vary


def _peaks(c: Canvas, y: float, height: float, rock: RGB, snow: RGB, foot: RGB) -> None:
    """Jagged mountains with snow that runs down the gullies."""
    rng = c.rng
    wide, k = max(16, c.w // 3), 3
    broad = 1 - np.abs(ridge_line(rng, wide, bumps=1.9, octaves=1))
    ridged = broad - 0.22 * np.abs(ridge_line(rng, wide, bumps=7, octaves=2))
    crest = (
        y
        - height * (0.22 + 0.78 * np.clip(ridged, 0, 1) ** 1.5)
        - height * 0.045 * ridge_line(rng, wide, bumps=26, octaves=3)
    )
    top = float(crest.min())
    tall = max(8, round((y - top) / k))
    rows = top + np.arange(tall)[:, None] * k
    depth = np.clip((rows - crest[None]) / height, 0, 1)
    # Slopes face the light or turn from it: noise sheared along both falls of the crest gives spurs and gullies.
    field = clouds(rng, wide, tall, scale=5, stretch=0.8)
    # The edge between the two falls wanders downhill, more the further it is from the summit.
    wander = ridge_line(rng, tall, bumps=5, octaves=3)[:, None] * depth * height / k * 0.4
    edge = (np.arange(wide)[None] + wander).astype(int).clip(0, wide - 1)
    falls_right = (np.gradient(broad) < 0)[edge]
    shear = np.where(falls_right, 1, -1) * depth * height / k * 0.55
    columns = (np.arange(wide)[None] - shear).astype(int).clip(0, wide - 1)
    spur = field[np.arange(tall)[:, None], columns]
    lit = smoothstep(
        (0.66 * spur + 0.17 + 0.34 * (~falls_right - 0.5) * (1 - 0.75 * depth)).astype(np.float32), 0.38, 0.62
    )
    cover = smoothstep(((y - rows) / height - 0.34 * field - 0.22).astype(np.float32), 0.06, 0.16) * smoothstep(
        spur, 0.12, 0.4
    )
    stone = np.array(shade(rock, 0.62)) + (np.array(shade(rock, 1.12)) - np.array(shade(rock, 0.62))) * lit[..., None]
    white = np.array(mix(snow, rock, 0.5)) + (np.array(snow) - np.array(mix(snow, rock, 0.5))) * lit[..., None]
    low = ((rows - top) / max(1.0, y - top))[..., None] ** 2
    rgb = stone + (white - stone) * cover[..., None]
    rgb = rgb + (np.array(foot) - rgb) * low * 0.85
    skin = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).resize(
        (c.w, max(2, round(y - top))), Image.Resampling.BICUBIC
    )
    mask = Image.new("L", skin.size)
    line = [(i * (c.w - 1) / (wide - 1), float(v) - top) for i, v in enumerate(crest)]
    ImageDraw.Draw(mask).polygon([(0, skin.height), *line, (c.w, skin.height)], fill=255)
    c.image.paste(skin, (0, round(top)), mask)


def mountain_lake(c: Canvas, look: Look, mood: Mood) -> None:
    """Snow-capped peaks mirrored in a still lake, pines on the shore."""
    rng = c.rng
    shore = c.h * (0.6 + 0.06 * look.tilt)
    sky(c, look, mood, shore)
    snow = mood.on((248, 250, 255))
    _peaks(
        c,
        shore,
        c.h * 0.46 * look.zoom,
        mood.far((104, 112, 134), 0.35),
        mix(snow, mood.haze, 0.15),
        mood.far((96, 116, 130), 0.6),
    )
    _peaks(c, shore, c.h * 0.3 * look.zoom, mood.far((84, 92, 104), 0.15), snow, mood.far((70, 92, 92), 0.4))
    crest = ridge(c, shore, c.u * 0.035, mood.on((50, 88, 66)), mood.on((36, 64, 50)), bumps=4, bottom=shore + 2)
    for x in rng.random(90) * c.w:
        pine(
            c,
            float(x),
            float(crest[min(int(x), c.w - 1)]) + c.u * 0.02,
            c.u * rng.uniform(0.035, 0.08),
            mood.far((34, 74, 56), rng.uniform(0, 0.2)),
        )
    water(c, shore, mood, mirror=0.78, waves=0.35, depth=(24, 84, 104))
    side = -1 if look.shift > 0 else 1
    near = 0.5 + side * 0.5
    c.shape(
        [
            (c.w * near, c.h * 0.84),
            (c.w * (near - side * 0.16), c.h * 0.9),
            (c.w * (near - side * 0.42), c.h * 1.01),
            (c.w * near, c.h * 1.01),
        ],
        mood.on((74, 92, 56)),
        mood.on((42, 56, 36)),
    )
    for k in range(4):
        pine(
            c,
            c.w * (near - side * (0.03 + 0.08 * k)),
            c.h * (0.9 + 0.025 * k),
            c.u * rng.uniform(0.26, 0.48),
            mood.on(vary((30, 66, 48), rng, 6)),
        )


def snowy_forest(c: Canvas, look: Look, mood: Mood) -> None:
    """Pines heavy with snow on both sides of a white track."""
    rng = c.rng
    ground = c.h * (0.6 + 0.06 * look.tilt)
    sky(c, look, mood, ground)
    snow = mood.on((244, 248, 255))
    ridge(c, ground, c.u * 0.12, mood.far((150, 170, 196), 0.5), mood.far((190, 204, 222), 0.5), bumps=2)
    for x in np.sort(rng.random(44)) * c.w:
        pine(
            c,
            float(x),
            ground + c.u * rng.normal(0.01, 0.01),
            c.u * rng.uniform(0.14, 0.26),
            mood.far((62, 92, 92), 0.45),
            snow=mix(snow, mood.haze, 0.3),
        )
    c.backdrop(
        ((0.0, mix(snow, mood.haze, 0.3)), (0.4, snow), (1.0, mix(snow, mood.on((150, 176, 220)), 0.5))), ground, c.h
    )
    c.texture(clouds(rng, c.w // 6, c.h // 8, scale=5, stretch=3), 0.16, ground)
    x = c.w * (0.5 + 0.18 * look.shift)
    for t in (-1, 1):
        c.soft(
            [
                (x, ground + c.u * 0.01),
                (x + t * c.u * 0.008, ground),
                (x + t * c.u * 0.24, c.h),
                (x + t * c.u * 0.12, c.h),
            ],
            mood.on((138, 164, 206)),
            0.55,
            c.u * 0.012,
        )
    for d in np.sort(rng.random(22)):
        side = 1 if rng.random() < 0.5 else -1
        px = x + side * c.u * (0.14 + 0.5 * d + rng.random() * 0.6)
        py, tall = ground + (c.h - ground) * (0.05 + 0.85 * d), c.u * (0.24 + 0.52 * d) * look.zoom
        c.shadow(px + tall * 0.12, py, tall * 0.3, tall * 0.06, 0.4, mood.on((70, 96, 146)))
        pine(c, px, py, tall, mood.far((36, 72, 66), 0.25 * (1 - d)), snow=snow)


def aurora(c: Canvas, look: Look, mood: Mood) -> None:
    """Curtains of coloured light over dark hills and snow."""
    rng = c.rng
    land = c.h * (0.76 + 0.06 * look.tilt)
    c.backdrop(((0.0, (6, 10, 32)), (0.6, (14, 30, 62)), (1.0, (32, 62, 88))), 0, c.h)
    stars(c, land, 300)
    wide, high = 220, 150
    xs, ys = np.linspace(0, 1, wide, dtype=np.float32), np.linspace(0, 1, high, dtype=np.float32)[:, None]
    for k, paint in enumerate((look.rgb, mix(look.rgb, look.accent_rgb, 0.5), look.accent_rgb)):
        base = 0.74 - 0.17 * k + 0.1 * ridge_line(rng, wide, bumps=2.2, octaves=3)[None]
        folds = 0.5 + 0.5 * np.abs(ridge_line(rng, wide, bumps=16, octaves=3))[None]
        above = base - ys
        light = np.where(above > 0, np.exp(-above / (0.2 + 0.12 * rng.random())), np.exp(above / 0.07)) * folds
        drift = (0.5 + 0.5 * np.sin(2 * np.pi * (xs * rng.uniform(0.6, 1.4) + rng.random())))[None]
        glow = mix(shade(paint, 1.15), (200, 255, 225), 0.18)
        c.veil((light * (0.3 + 0.7 * drift) * (1.25 - 0.2 * k)).astype(np.float32), glow, 0, land)
        c.veil(((light * drift) ** 3 * 0.7).astype(np.float32), mix(glow, (255, 255, 255), 0.55), 0, land)
    snow = (128, 150, 178)
    ridge(c, land, c.h * 0.09, mix((26, 40, 62), look.rgb, 0.12), (14, 24, 42), bumps=3)
    if look.tilt > -0.2:
        water(c, land + c.h * 0.03, mood, mirror=0.75, waves=0.4, depth=(20, 40, 70))
    else:
        ridge(c, land + c.h * 0.08, c.h * 0.03, mix(snow, look.rgb, 0.22), (52, 72, 104), bumps=2)
    ridge(c, c.h * 0.96, c.u * 0.02, mix((30, 42, 60), look.rgb, 0.1), (12, 18, 30), bumps=2)
    for _ in range(16):
        px = c.w * rng.random()
        pine(c, px, c.h * rng.uniform(0.97, 1.03), c.u * rng.uniform(0.12, 0.26) * look.zoom, (10, 18, 26))
    if rng.random() < 0.5:
        hx, hy, s = c.w * (0.5 + 0.3 * look.shift), c.h * 0.965, c.u * 0.07
        c.box(hx - s, hy - s * 0.8, hx + s, hy, (40, 26, 24), (24, 16, 18))
        c.shape([(hx - s * 1.25, hy - s * 0.75), (hx, hy - s * 1.6), (hx + s * 1.25, hy - s * 0.75)], (92, 108, 136))
        c.box(hx - s * 0.3, hy - s * 0.55, hx + s * 0.3, hy - s * 0.15, (255, 210, 120))
        c.glow(hx, hy - s * 0.3, s * 2.4, (255, 190, 100), 0.7)
