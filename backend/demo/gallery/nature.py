"""What outdoor scenes share: skies, ridges, water, trees, weather."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.look import Look, Mood
from backend.demo.gallery.noise import FloatArray, clouds, ridge_line, smoothstep
from backend.demo.gallery.paint import RGB, mix, shade, vary


def sky(c: Canvas, look: Look, mood: Mood, bottom: float, *, sun: bool = True, cover: float | None = None) -> None:
    """Paint the sky down to row `bottom`: gradient, stars, sun or moon, clouds."""
    rng = c.rng
    c.backdrop(((0.0, mood.zenith), (0.55, mood.middle), (1.0, mood.horizon)), 0, bottom + 2)
    clear = look.weather in ("clear", "windy")
    if mood.dark and clear:
        stars(c, bottom, 220)
    if sun and look.weather not in ("rainy", "snowing"):
        low = look.light in ("dawn", "dusk")
        x = c.w * rng.uniform(0.12, 0.88)
        y = bottom * (rng.uniform(0.62, 0.9) if low else rng.uniform(0.14, 0.34))
        strength = 0.55 if mood.dark else 0.9
        c.glow(x, y, c.u * (0.95 if low else 0.6), mood.sun, strength * (0.8 if clear else 0.5))
        size = c.u * (0.042 if low else 0.03)
        c.glow(x, y, size * 4, mood.sun, 0.9)
        c.disc(x, y, size, colour=mix(mood.sun, (255, 255, 255), 0.5))
    amount = {"clear": 0.12, "windy": 0.4, "cloudy": 0.72, "rainy": 0.95, "misty": 0.35, "snowing": 0.9}[look.weather]
    cloud_bank(c, mood, bottom, amount if cover is None else cover)


def cloud_bank(c: Canvas, mood: Mood, bottom: float, cover: float) -> None:
    """Lay clouds over `cover` (0 to 1) of the sky above row `bottom`, lit from above, thinner near the horizon."""
    rng = c.rng
    width, height = max(8, c.w // 6), max(8, round(bottom) // 6)
    field = clouds(rng, width, height, scale=rng.uniform(2.2, 3.6), stretch=rng.uniform(2.0, 3.4))
    edge = 1.02 - 0.75 * cover
    body = smoothstep(field, edge - 0.18, edge + 0.2)
    fade = np.linspace(1.0, 0.35, height, dtype=np.float32)[:, None]
    lit = mix(mood.sun, mood.horizon, 0.35) if not mood.dark else mix(mood.horizon, (150, 160, 190), 0.35)
    below = np.roll(field, -max(2, height // 12), axis=0)
    c.veil(body * fade * 0.88, lit, 0, bottom)
    c.veil(body * fade * smoothstep(below, edge, edge + 0.4) * 0.55, mix(mood.middle, mood.zenith, 0.5), 0, bottom)


def stars(c: Canvas, bottom: float, count: int) -> None:
    """Scatter `count` stars of uneven brightness above row `bottom`."""
    rng = c.rng
    for x, y, r, b in zip(
        rng.random(count) * c.w,
        rng.random(count) ** 1.3 * bottom,
        rng.random(count) ** 3,
        rng.uniform(0.4, 1.0, count),
        strict=True,
    ):
        size = c.u * (0.0008 + 0.0019 * r)
        c.disc(x, y, size, colour=shade((236, 240, 255), b))


def ridge(
    c: Canvas,
    y: float,
    height: float,
    colour: RGB,
    end: RGB,
    *,
    bumps: float = 3.0,
    roughness: float = 0.5,
    bottom: float | None = None,
) -> FloatArray:
    """Fill a mountain or hill silhouette whose crest waves about row `y` by `height`; return the crest's row per column."""
    crest: FloatArray = y - height * ridge_line(c.rng, 160, bumps=bumps, roughness=roughness)
    xs = np.linspace(0, c.w, 160)
    low = c.h if bottom is None else bottom
    c.shape([(0.0, low), *zip(xs.tolist(), crest.tolist(), strict=True), (float(c.w), low)], colour, end)
    rows: FloatArray = np.interp(np.arange(c.w), xs, crest).astype(np.float32)
    return rows


def water(
    c: Canvas,
    top: float,
    mood: Mood,
    *,
    depth: RGB = (26, 76, 108),
    mirror: float = 0.55,
    waves: float = 1.0,
    bottom: float | None = None,
) -> None:
    """Fill the rows below `top` with water that mirrors what is painted above; `waves` scales the ripples (0 calm)."""
    rng = c.rng
    start, end = round(top), c.h if bottom is None else round(bottom)
    rows = end - start
    if rows < 4:
        return
    c.backdrop(
        ((0.0, mix(mood.horizon, mood.on(depth), 0.35)), (0.5, mood.on(depth)), (1.0, mood.on(shade(depth, 0.7)))),
        start,
        end,
    )
    span = min(start, rows)
    half = (max(4, c.w // 2), max(4, span // 2))
    copy = (
        c.image.crop((0, start - span, c.w, start))
        .resize(half, Image.Resampling.BILINEAR)
        .transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    )
    pixels = np.asarray(copy)
    # Rows sway together in groups: single rows that jump read as noise, not as waves.
    rough = rng.standard_normal(half[1] + 4)
    sway = (
        np.convolve(rough, [0.25, 0.5, 0.75, 0.5, 0.25], "valid") * np.linspace(0.4, 5.0, half[1]) * waves * c.u / 1000
    )
    columns = (np.arange(half[0])[None] + sway[:, None]).astype(int) % half[0]
    swayed = Image.fromarray(pixels[np.arange(half[1])[:, None], columns]).filter(ImageFilter.BoxBlur(1))
    fade = np.linspace(mirror, mirror * 0.35, 32)[:, None]
    mask = Image.fromarray((fade * 255).astype(np.uint8)).resize((c.w, span), Image.Resampling.BILINEAR)
    c.image.paste(swayed.resize((c.w, span), Image.Resampling.BILINEAR), (0, start), mask)
    ripples(c, start, end, mood, round(420 * waves))


def ripples(c: Canvas, top: float, bottom: float, mood: Mood, count: int) -> None:
    """Draw `count` short level strokes, light and dark, that grow towards the viewer."""
    rng = c.rng
    depth = rng.random(count) ** 1.4
    light, dark = mix(mood.horizon, (255, 255, 255), 0.15), shade(mood.on((20, 58, 90)), 0.85)
    for d, x, bright, part in zip(depth, rng.random(count) * c.w, rng.random(count), rng.random(count), strict=True):
        y = top + (bottom - top) * d
        long = c.u * (0.006 + 0.05 * d) * (0.5 + part)
        here = c.image.getpixel((min(int(x), c.w - 1), min(int(y), c.h - 1)))
        base = (int(here[0]), int(here[1]), int(here[2])) if isinstance(here, tuple) else light
        tone = mix(base, light if bright > 0.4 else dark, 0.12 + 0.26 * part)
        thick = c.u * (0.0007 + 0.0024 * d)
        c.pen.ellipse((x - long, y - thick, x + long, y + thick), fill=tone)


def pine(c: Canvas, x: float, y: float, height: float, colour: RGB, *, snow: RGB | None = None) -> None:
    """Draw a conifer that stands at (x, y), with snow on its branches if a colour for it is given."""
    rng = c.rng
    wide = height * rng.uniform(0.2, 0.26)
    c.pen.rectangle((x - height * 0.018, y - height * 0.14, x + height * 0.018, y), fill=shade(colour, 0.6))
    tiers = 6
    for i in range(tiers):
        low = y - height * (0.08 + 0.82 * i / tiers)
        top = low - height * 0.27
        reach = wide * (1 - i / (tiers + 0.6))
        lean = rng.uniform(-0.04, 0.04) * reach
        left, right = (x - reach, low), (x + reach, low + lean)
        fringe = [
            (x + reach * s, low + reach * k)
            for s, k in ((0.6, -0.1), (0.3, 0.1), (0.0, -0.04), (-0.35, 0.1), (-0.65, -0.1))
        ]
        tone = shade(colour, 0.82 + 0.05 * i)
        c.pen.polygon([(x, top), right, *fringe, left], fill=tone)
        c.pen.polygon([(x, top), (x + reach * 0.12, low - reach * 0.05), *fringe[-2:], left], fill=shade(tone, 1.12))
        if snow is not None:
            c.pen.polygon(
                [
                    (x, top),
                    (x + reach * 0.62, low - reach * 0.22),
                    (x + reach * 0.2, low - reach * 0.42),
                    (x - reach * 0.1, low - reach * 0.2),
                    (x - reach * 0.45, low - reach * 0.34),
                    (x - reach * 0.86, low - reach * 0.06),
                ],
                fill=mix(snow, tone, 0.08),
            )


def foliage(c: Canvas, x: float, y: float, radius: float, colour: RGB, leaves: int = 46) -> None:
    """Draw a crown of leaves: overlapping dabs, darker below, lighter towards the upper left."""
    rng = c.rng
    angle, far = rng.random(leaves) * 2 * np.pi, np.sqrt(rng.random(leaves))
    order = np.argsort(-(np.sin(angle) * far))
    for a, f in zip(angle[order], far[order], strict=True):
        dx, dy = np.cos(a) * f, np.sin(a) * f
        tone = vary(shade(colour, 0.92 - 0.3 * dy - 0.14 * dx), rng, 5)
        size = radius * rng.uniform(0.2, 0.34)
        c.disc(x + dx * radius * 0.85, y + dy * radius * 0.72, size, size * 0.85, tone)


def grass(c: Canvas, top: float, bottom: float, colour: RGB, count: int = 700, *, tall: float = 0.03) -> None:
    """Draw `count` blades between two rows, longer towards the viewer."""
    rng = c.rng
    depth = np.sort(rng.random(count))
    for d, x, lean, tone in zip(
        depth, rng.random(count) * c.w, rng.normal(0, 0.35, count), rng.uniform(0.6, 1.25, count), strict=True
    ):
        y = top + (bottom - top) * d
        long = c.u * tall * (0.15 + d)
        c.pen.line(
            (x, y, x + lean * long, y - long), fill=shade(colour, tone), width=max(1, round(c.u * 0.0028 * (0.3 + d)))
        )


def weather(c: Canvas, look: Look, mood: Mood) -> None:
    """Lay mist, rain or falling snow over the finished scene."""
    rng = c.rng
    if look.weather == "misty":
        field = clouds(rng, 80, 60, scale=2.0, stretch=3.0, octaves=3)
        band = np.exp(-((np.linspace(0, 1, 60, dtype=np.float32) - rng.uniform(0.4, 0.6)) ** 2) / 0.05)[:, None]
        c.veil((0.18 + 0.5 * band) * (0.55 + 0.45 * field), mix(mood.haze, (255, 255, 255), 0.1))
    elif look.weather == "rainy":
        c.veil(np.full((2, 2), 0.14, np.float32), mood.haze)
        for x, y, s in zip(rng.random(240) * c.w, rng.random(240) * c.h, rng.uniform(0.4, 1.0, 240), strict=True):
            c.pen.line(
                (x, y, x - c.u * 0.008 * s, y + c.u * 0.04 * s), fill=mix(mood.haze, (220, 228, 236), 0.35), width=1
            )
    elif look.weather == "snowing":
        for x, y, s in zip(rng.random(260) * c.w, rng.random(260) * c.h, rng.random(260) ** 2, strict=True):
            c.disc(x, y, c.u * (0.0015 + 0.0045 * s), colour=mix(mood.haze, (255, 255, 255), 0.75))
