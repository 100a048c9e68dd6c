"""What people built: city at night, stone bridge, castle, train, bicycle."""

from __future__ import annotations

import numpy as np

from backend.embedded.gallery.canvas import Canvas
from backend.embedded.gallery.look import Look, Mood
from backend.embedded.gallery.nature import foliage, grass, pine, ridge, sky, water
from backend.embedded.gallery.noise import clouds
from backend.embedded.gallery.paint import COLOURS, RGB, mix, shade, vary


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
            high = c.h * tall * rng.uniform(0.35, 1.0) * look.zoom * (1.0 - 0.5 * abs(float(x) - 0.5 - 0.2 * look.shift))
            body = mix((22, 26, 44), mood.horizon, haze * 0.75)
            _tower(c, c.w * float(x), shore, wide, high, vary(body, rng, 4), look, 1 - haze, layer)
    c.box(0, shore - c.u * 0.012, c.w, shore + 2, (20, 20, 30))
    for x in np.linspace(0.02, 0.98, 22):
        c.glow(c.w * float(x), shore - c.u * 0.015, c.u * 0.022, (255, 210, 140), 0.9)
    water(c, shore, mood, mirror=0.85, waves=1.0, depth=(14, 26, 54))


def _tower(c: Canvas, x: float, shore: float, wide: float, high: float, body: RGB, look: Look, lit: float, layer: int) -> None:
    rng = c.rng
    top = shore - high
    c.box(x, top, x + wide, shore, shade(body, 1.06), shade(body, 0.8), sideways=True)
    if rng.random() < 0.3:
        c.shape([(x + wide * 0.2, top + 1), (x + wide * 0.5, top - wide * rng.uniform(0.4, 1.0)), (x + wide * 0.8, top + 1)], body)
    if rng.random() < 0.35:
        c.line([(x + wide / 2, top), (x + wide / 2, top - wide * 0.9)], body, c.u * 0.004)
        c.disc(x + wide / 2, top - wide * 0.9, c.u * 0.004, colour=(255, 80, 60))
    cell = c.u * (0.0105 + 0.002 * layer)
    columns, rows = int(wide / cell) - 1, int(high / (cell * 1.35)) - 1
    if columns < 1 or rows < 1:
        return
    hue = ((255, 214, 140), (255, 236, 190), (190, 220, 255), mix(look.rgb, (255, 255, 255), 0.35))[int(rng.integers(4))]
    on = rng.random((rows, columns)) < rng.uniform(0.25, 0.6)
    bright = rng.uniform(0.5, 1.0, (rows, columns)) * lit
    for r, k in zip(*np.nonzero(on), strict=True):
        wx, wy = x + cell * (k + 0.8), top + cell * 1.35 * (r + 0.7)
        c.pen.rectangle((wx, wy, wx + cell * 0.55, wy + cell * 0.75), fill=mix(body, hue, float(bright[r, k])))
    if layer > 0 and rng.random() < 0.3:
        c.box(x, top + cell, x + wide, top + cell * 2.2, mix(look.rgb, (255, 255, 255), 0.25))
        c.glow(x + wide / 2, top + cell * 1.5, wide * 1.1, look.rgb, 0.7)


def stone_bridge(c: Canvas, look: Look, mood: Mood) -> None:
    """An arched bridge over a river between trees."""
    rng = c.rng
    bank = c.h * (0.62 + 0.05 * look.tilt)
    sky(c, look, mood, bank)
    leaf = {"spring": (140, 180, 84), "summer": (70, 124, 56), "autumn": (212, 122, 40), "winter": (140, 130, 124)}[look.season]
    ridge(c, bank - c.u * 0.06, c.u * 0.07, mood.far(mix((90, 120, 110), leaf, 0.2), 0.55), mood.far(leaf, 0.5), bumps=2)
    for x in np.linspace(-0.05, 1.05, 16):
        foliage(c, c.w * float(x) + c.u * rng.normal(0, 0.03), bank - c.u * rng.uniform(0.03, 0.1), c.u * rng.uniform(0.06, 0.14), mood.far(vary(leaf, rng, 12), 0.25), 30)
    c.box(0, bank - c.u * 0.02, c.w, bank + 4, mood.on((92, 116, 60)))
    arches = int(rng.integers(2, 5))
    deck, rise = bank - c.u * 0.2 * look.zoom, c.u * 0.07
    wall = mood.on(vary((186, 164, 134), rng, 9))
    xs = np.linspace(0, c.w, 40)
    hump = deck - rise * np.sin(np.pi * np.linspace(0, 1, 40)) ** 1.2
    outline = [(0.0, bank + c.u * 0.06), *zip(xs.tolist(), hump.tolist(), strict=True), (float(c.w), bank + c.u * 0.06)]
    behind = c.image.copy()
    c.shape(outline, shade(wall, 1.05), shade(wall, 0.72))
    for _ in range(260):
        k = int(rng.integers(0, 40))
        px, py = xs[k] + c.u * rng.normal(0, 0.02), rng.uniform(hump[k] + c.u * 0.01, bank + c.u * 0.05)
        s = c.u * rng.uniform(0.008, 0.016)
        c.pen.rectangle((px, py, px + s * 1.9, py + s), fill=shade(wall, rng.uniform(0.78, 1.1)))
    span = c.w / arches
    for i in range(arches):
        mid, half = span * (i + 0.5), span * 0.36
        crown = bank - c.u * 0.13 * look.zoom - rise * 0.8 * np.sin(np.pi * (i + 0.5) / arches)
        arch = [(mid - half * np.cos(t), bank + c.u * 0.02 - (bank + c.u * 0.02 - crown) * np.sin(t)) for t in np.linspace(0, np.pi, 24)]
        ring = [(mid - half * 1.1 * np.cos(t), bank + c.u * 0.02 - (bank + c.u * 0.02 - crown + half * 0.1) * np.sin(t)) for t in np.linspace(0, np.pi, 24)]
        c.shape([*ring, (mid + half * 1.1, bank + c.u * 0.07), (mid - half * 1.1, bank + c.u * 0.07)], shade(wall, 0.84))
        _see_through(c, behind, [*arch, (mid + half, bank + c.u * 0.08), (mid - half, bank + c.u * 0.08)])
        c.shape([*arch[-9:], (mid + half, bank + c.u * 0.08), (mid + half * 0.84, bank + c.u * 0.08)], shade(wall, 0.34), shade(wall, 0.5))
    c.line(list(zip(xs.tolist(), (hump - c.u * 0.004).tolist(), strict=True)), shade(wall, 1.15), c.u * 0.016)
    water(c, bank + c.u * 0.03, mood, mirror=0.68, waves=0.8, depth=(40, 92, 92))
    grass(c, c.h * 0.94, c.h * 1.04, mood.on(mix((84, 120, 54), leaf, 0.3)), 260, tall=0.07)


def _see_through(c: Canvas, behind: "object", points: list[tuple[float, float]]) -> None:
    from PIL import Image, ImageDraw

    if isinstance(behind, Image.Image):
        mask = Image.new("L", behind.size)
        ImageDraw.Draw(mask).polygon(points, fill=255)
        c.image.paste(behind, (0, 0), mask)


def castle(c: Canvas, look: Look, mood: Mood) -> None:
    """Towers with pointed roofs on a wooded hill."""
    rng = c.rng
    base = c.h * (0.66 + 0.05 * look.tilt)
    sky(c, look, mood, base + c.u * 0.1)
    for k, haze in enumerate((0.7, 0.5)):
        ridge(c, base + c.u * 0.02 * k, c.u * 0.1, mood.far((80, 110, 110), haze), mood.far((100, 130, 100), haze), bumps=2)
    x, s = c.w * (0.5 + 0.18 * look.shift), c.u * 0.3 * look.zoom
    xs = np.linspace(-0.1, 1.1, 50) * c.w
    hill = base + s * 0.02 + (1 - np.exp(-(((xs - x) / (s * 1.45)) ** 2))) * c.h * 0.26
    c.shape([(xs[0], c.h * 1.1), *zip(xs.tolist(), hill.tolist(), strict=True), (xs[-1], c.h * 1.1)], mood.on((96, 128, 66)), mood.on((44, 72, 40)))
    stone = mood.on(vary((206, 194, 176), rng, 8))
    roof = mood.on(look.rgb)
    c.box(x - s * 0.75, base - s * 0.42, x + s * 0.75, base + s * 0.1, stone, shade(stone, 0.74))
    for k in np.arange(-0.75, 0.75, 0.1):
        c.box(x + s * float(k), base - s * 0.47, x + s * (float(k) + 0.055), base - s * 0.4, stone)
    for k, tall, wide in ((-0.28, 0.85, 0.24), (0.22, 1.15, 0.28), (0.52, 0.72, 0.2), (-0.55, 0.62, 0.2), (-0.8, 0.5, 0.22), (0.8, 0.56, 0.22), (0.0, 0.66, 0.34)):
        high, half = s * tall * rng.uniform(0.92, 1.08), s * wide / 2
        px = x + s * k
        c.bar(px, base - high, base + s * 0.1, half * 2, half * 2, stone)
        c.box(px - half * 1.15, base - high - half * 0.1, px + half * 1.15, base - high + half * 0.16, shade(stone, 0.82))
        peak = base - high - half * rng.uniform(2.2, 3.0)
        c.shape([(px - half * 1.25, base - high), (px, peak), (px + half * 1.25, base - high)], shade(roof, 1.08), shade(roof, 0.55), sideways=True)
        c.line([(px, peak), (px, peak - half * 0.7)], shade(stone, 0.5), c.u * 0.003)
        c.shape([(px, peak - half * 0.7), (px + half * 0.6, peak - half * 0.5), (px, peak - half * 0.3)], mood.on(look.accent_rgb))
        for f in (0.3, 0.6):
            glass = (255, 210, 120) if (mood.dark or look.light == "dusk") and rng.random() < 0.8 else mood.on((64, 62, 70))
            c.box(px - half * 0.14, base - high * f - half * 0.4, px + half * 0.14, base - high * f, glass)
    c.pen.pieslice((x - s * 0.13, base - s * 0.22, x + s * 0.13, base + s * 0.24), 180, 360, fill=mood.on((70, 48, 36)))
    c.box(x - s * 0.13, base - s * 0.0, x + s * 0.13, base + s * 0.1, mood.on((70, 48, 36)))
    for px in rng.random(64) * c.w:
        ground = float(np.interp(px, xs, hill))
        py = ground + (c.h - ground) * rng.random() ** 1.4 + c.u * 0.07
        (pine if rng.random() < 0.45 else _bush)(c, float(px), py, c.u * rng.uniform(0.07, 0.15), mood.on(vary((50, 88, 50), rng, 10)))


def _bush(c: Canvas, x: float, y: float, size: float, colour: RGB) -> None:
    foliage(c, x, y - size * 0.4, size * 0.5, colour, 18)


def train(c: Canvas, look: Look, mood: Mood) -> None:
    """A train crosses a hilly landscape on an embankment."""
    rng = c.rng
    rail = c.h * (0.68 + 0.06 * look.tilt)
    sky(c, look, mood, rail)
    for k, haze in enumerate((0.7, 0.5, 0.25)):
        ridge(c, rail - c.u * (0.2 - 0.07 * k), c.u * 0.12, mood.far((92, 116, 112), haze), mood.far((120, 148, 90), haze), bumps=2 + k * 0.5)
    for px in rng.random(34) * c.w:
        foliage(c, float(px), rail - c.u * rng.uniform(0.0, 0.06), c.u * rng.uniform(0.02, 0.05), mood.far((64, 104, 58), 0.2), 14)
    c.backdrop(((0.0, mood.on((140, 128, 112))), (0.12, mood.on((104, 96, 84))), (0.2, mood.on((112, 146, 66))), (1.0, mood.on((72, 108, 48)))), rail, c.h)
    grass(c, rail + c.h * 0.07, c.h * 1.04, mood.on((110, 148, 64)), 600, tall=0.04)
    for px in np.arange(0, c.w, c.u * 0.03):
        c.box(float(px), rail + c.u * 0.008, float(px) + c.u * 0.014, rail + c.u * 0.02, mood.on((76, 58, 46)))
    c.box(0, rail + c.u * 0.002, c.w, rail + c.u * 0.008, mood.on((190, 190, 196)))
    tall, long = c.u * 0.13 * look.zoom, c.u * 0.42 * look.zoom
    nose = c.w * (0.62 + 0.26 * look.shift)
    body = mood.on(look.rgb)
    x, cars = nose, 0
    while x > -long and cars < 9:
        _carriage(c, look, mood, x, rail, tall, long, body, front=cars == 0)
        x -= long * 1.03
        cars += 1
    for px in np.arange(c.w * rng.random() * 0.3, c.w, c.u * 0.5):
        c.line([(float(px), rail + c.u * 0.02), (float(px), rail - tall * 2.1)], mood.on((70, 72, 78)), c.u * 0.006)
        c.line([(float(px), rail - tall * 1.95), (float(px) + c.u * 0.06, rail - tall * 1.85)], mood.on((70, 72, 78)), c.u * 0.004)
    c.line([(0, rail - tall * 1.85), (c.w, rail - tall * 1.85)], mood.on((60, 62, 68)), c.u * 0.0018)


def _carriage(c: Canvas, look: Look, mood: Mood, right: float, rail: float, tall: float, long: float, body: RGB, *, front: bool) -> None:
    low, top = rail - tall * 0.16, rail - tall * 1.15
    left = right - long
    c.shadow((left + right) / 2, rail + tall * 0.06, long * 0.55, tall * 0.2, 0.6)
    slope = tall * 0.9 if front else 0.0
    c.shape([(left, low), (left, top), (right - slope, top), (right - slope * 0.25, low - tall * 0.42), (right, low - tall * 0.18), (right, low)], shade(body, 1.12), shade(body, 0.66))
    c.shape([(left, top), (right - slope, top), (right - slope * 0.9, top + tall * 0.08), (left, top + tall * 0.08)], mood.on((214, 214, 218)))
    c.box(left, low - tall * 0.2, right - (tall * 0.04 if front else 0), low - tall * 0.12, mood.on(look.accent_rgb))
    pane = (255, 222, 150) if mood.dark or look.light == "dusk" else mood.on((70, 92, 112))
    for k in range(6):
        wx = left + long * (0.06 + 0.15 * k)
        if wx + long * 0.11 < right - slope * 0.8:
            c.box(wx, low - tall * 0.8, wx + long * 0.11, low - tall * 0.42, shade(pane, 1.1), shade(pane, 0.85))
    if front:
        c.shape([(right - slope * 0.92, top + tall * 0.12), (right - slope * 0.42, low - tall * 0.5), (right - slope * 0.95, low - tall * 0.5)], mood.on((40, 52, 66)))
        c.disc(right - tall * 0.1, low - tall * 0.14, tall * 0.05, colour=(255, 246, 210))
        if mood.dark or look.light == "dusk":
            c.glow(right, low - tall * 0.14, tall * 1.8, (255, 236, 180), 0.8)
    for k in (0.12, 0.22, 0.78, 0.88):
        c.disc(left + long * k, rail - tall * 0.08, tall * 0.1, colour=mood.on((48, 48, 54)))
        c.disc(left + long * k, rail - tall * 0.08, tall * 0.04, colour=mood.on((120, 120, 126)))


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
            c.disc(float(px), float(y), c.u * (0.045 + 0.012 * row), c.u * (0.012 + 0.006 * row), vary(mood.on((158, 150, 142)), rng, 9))
    wx, wy, s = c.w * (0.5 - 0.26 * look.shift), floor - c.u * 0.5, c.u * 0.13
    glass = (255, 216, 140) if mood.dark else mood.on((110, 140, 158))
    c.box(wx - s * 1.15, wy - s * 1.35, wx + s * 1.15, wy + s * 1.35, mood.on((248, 244, 236)))
    c.box(wx - s, wy - s * 1.2, wx + s, wy + s * 1.2, shade(glass, 0.7), glass)
    for k in (-1, 1):
        shutter = mood.on(shade(look.rgb, 0.9))
        c.box(wx + k * s * 1.7 - s * 0.5, wy - s * 1.35, wx + k * s * 1.7 + s * 0.5, wy + s * 1.35, shutter, shade(shutter, 0.75))
    c.line([(wx, wy - s * 1.2), (wx, wy + s * 1.2)], mood.on((248, 244, 236)), s * 0.1)
    c.line([(wx - s, wy), (wx + s, wy)], mood.on((248, 244, 236)), s * 0.1)
    c.box(wx - s * 1.2, wy + s * 1.2, wx + s * 1.2, wy + s * 1.65, mood.on((150, 88, 60)), mood.on((110, 62, 44)))
    for px in np.linspace(wx - s, wx + s, 9):
        foliage(c, float(px), wy + s * 1.1, s * 0.24, mood.on((76, 128, 60)), 8)
        c.disc(float(px) + s * rng.normal(0, 0.1), wy + s * 1.0, s * 0.1, colour=mood.on(COLOURS[("red", "pink", "white")[int(rng.integers(3))]]))
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
        c.pen.ellipse((wx - r * 0.9, wy - r * 0.9, wx + r * 0.9, wy + r * 0.9), outline=steel, width=max(1, round(r * 0.03)))
        c.pen.arc((wx - r * 1.1, wy - r * 1.1, wx + r * 1.1, wy + r * 1.1), 190, 340, fill=shade(paint, 0.8), width=max(2, round(r * 0.05)))
        c.disc(wx, wy, r * 0.07, colour=steel)
    thick = r * 0.085
    for one, two in ((rear, axle), (rear, seat), (axle, seat), (axle, head), ((x - r * 0.55, ground - r * 2.1), head)):
        c.line([one, two], paint, thick)
        c.line([(one[0], one[1] - thick * 0.25), (two[0], two[1] - thick * 0.25)], shade(paint, 1.35), thick * 0.22)
    c.line([head, (x + r * 1.15, ground - r * 1.9), front], shade(paint, 0.9), thick)
    c.line([seat, (x - r * 0.68, ground - r * 2.55)], steel, thick * 0.7)
    c.disc(x - r * 0.7, ground - r * 2.6, r * 0.3, r * 0.085, mood.on((72, 44, 30)))
    c.line([head, (x + r * 0.98, ground - r * 2.65), (x + r * 1.25, ground - r * 2.78), (x + r * 1.5, ground - r * 2.62)], steel, thick * 0.7)
    c.line([(x + r * 0.98, ground - r * 2.65), (x + r * 0.72, ground - r * 2.6)], mood.on((72, 44, 30)), thick)
    c.disc(*axle, r * 0.2, colour=steel)
    c.disc(*axle, r * 0.14, colour=mood.on((60, 60, 64)))
    c.line([(axle[0] - r * 0.1, axle[1] - r * 0.34), (axle[0] + r * 0.1, axle[1] + r * 0.34)], steel, thick * 0.6)
    if c.rng.random() < 0.6:
        c.shape([(x + r * 1.3, ground - r * 2.45), (x + r * 2.0, ground - r * 2.45), (x + r * 1.88, ground - r * 1.95), (x + r * 1.4, ground - r * 1.95)],
                mood.on((190, 142, 88)), mood.on((140, 98, 56)))
        for k in np.linspace(1.4, 1.9, 6):
            c.disc(x + r * float(k), ground - r * (2.5 + 0.08 * c.rng.random()), r * 0.12, colour=mood.on(COLOURS[("yellow", "pink", "white", "red")[int(c.rng.integers(4))]]))
