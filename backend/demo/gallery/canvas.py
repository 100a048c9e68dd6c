"""The drawing surface: gradients, shaded shapes, glows and soft shadows on a supersampled Pillow image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from backend.demo.gallery.noise import FloatArray
from backend.demo.gallery.paint import RGB, Stops, shade

SUPERSAMPLE = 2
_SCALE_STEP = 0.07
Point = tuple[float, float]


def ramp(width: int, height: int, stops: Stops, *, sideways: bool = False) -> Image.Image:
    """Return a `width` x `height` RGB gradient through `stops` ((position 0 to 1, colour), ...), down or sideways."""
    length = max(1, width if sideways else height)
    at = np.linspace(0, 1, length)
    places = [stop[0] for stop in stops]
    channels = [np.interp(at, places, [stop[1][i] for stop in stops]) for i in range(3)]
    line = np.stack(channels, axis=-1).round().astype(np.uint8)
    strip = Image.fromarray(line[None] if sideways else line[:, None])
    return strip.resize((max(1, width), max(1, height)), Image.Resampling.NEAREST)


class Canvas:
    """A picture in the making, `SUPERSAMPLE` times larger than what comes out.

    Lengths and positions are pixels of the large image; `w`, `h` and `u` (the shorter side) are what scenes scale by.
    """

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        """Start a black picture that will come out `width` x `height` pixels."""
        self.rng = rng
        self.w = width * SUPERSAMPLE
        self.h = height * SUPERSAMPLE
        self.u = min(self.w, self.h)
        self.image = Image.new("RGB", (self.w, self.h))
        self._scaled: dict[tuple[int, int], Image.Image] = {}
        self.pen = ImageDraw.Draw(self.image)

    def backdrop(self, stops: Stops, top: float = 0.0, bottom: float | None = None) -> None:
        """Fill the rows from `top` to `bottom` with a gradient."""
        end = self.h if bottom is None else round(bottom)
        start = round(top)
        if end > start:
            self.image.paste(ramp(self.w, end - start, stops), (0, start))

    def paint_mask(self, mask: Image.Image, at: tuple[int, int], stops: Stops, *, sideways: bool = False) -> None:
        """Paint a gradient through an 8-bit `mask` whose upper left corner lies `at`."""
        self.image.paste(ramp(mask.width, mask.height, stops, sideways=sideways), at, mask)

    def shape(self, points: Sequence[Point], colour: RGB, end: RGB | None = None, *, sideways: bool = False) -> None:
        """Fill a polygon with `colour`, or with a gradient from `colour` to `end` over its bounding box."""
        if end is None:
            self.pen.polygon(points, fill=colour)
            return
        xs = [p[0] for p in points]
        ys = [p[1] for p in points]
        left, top = int(max(min(xs), 0)), int(max(min(ys), 0))
        right, bottom = int(min(max(xs), self.w)) + 1, int(min(max(ys), self.h)) + 1
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
        self.paint_mask(mask, (left, top), ((0.0, colour), (1.0, end)), sideways=sideways)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        colour: RGB,
        end: RGB | None = None,
        *,
        sideways: bool = False,
    ) -> None:
        """Fill an upright rectangle, flat or with a gradient."""
        if right - left >= 1 and bottom - top >= 1:
            self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour, end, sideways=sideways)

    def disc(self, x: float, y: float, rx: float, ry: float | None = None, colour: RGB = (255, 255, 255)) -> None:
        """Fill an ellipse with centre (x, y) and half axes `rx`, `ry` (a circle without `ry`)."""
        tall = rx if ry is None else ry
        self.pen.ellipse((x - rx, y - tall, x + rx, y + tall), fill=colour)

    def line(self, points: Sequence[Point], colour: RGB, width: float) -> None:
        """Draw a polyline of `width` pixels with rounded joints."""
        self.pen.line(points, fill=colour, width=max(1, round(width)), joint="curve")

    def ball(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: RGB,
        *,
        gloss: float = 0.5,
        light: Point = (-0.45, -0.55),
    ) -> None:
        """Draw an ellipsoid lit from `light` (direction towards the lamp), with a highlight of strength `gloss`."""
        if rx < 1 or ry < 1:
            return
        n = int(min(160, max(8, 2 * max(rx, ry))))
        axis = np.linspace(-1, 1, n, dtype=np.float32)
        gx, gy = np.meshgrid(axis, axis)
        depth = np.sqrt(np.clip(1 - gx * gx - gy * gy, 0, 1))
        lambert = np.clip(gx * light[0] + gy * light[1] + depth * 0.7, 0, 1)
        shine = np.clip(lambert, 0, 1) ** 24 * gloss * 255
        rgb = np.array(colour, np.float32) * (0.38 + 0.72 * lambert[..., None]) + shine[..., None]
        skin = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))
        size = (max(2, round(2 * rx)), max(2, round(2 * ry)))
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=255)
        self.image.paste(skin.resize(size, Image.Resampling.BILINEAR), (round(x - rx), round(y - ry)), mask)

    def glow(
        self, x: float, y: float, radius: float, colour: RGB, strength: float = 1.0, *, squash: float = 1.0
    ) -> None:
        """Add light around (x, y) that fades to nothing at `radius`; `squash` is its height over its width."""
        n = 96
        axis = np.linspace(-1, 1, n, dtype=np.float32)
        distance = np.sqrt(axis[None] ** 2 + axis[:, None] ** 2)
        fall = np.clip(1 - distance, 0, 1) ** 2.2 * strength
        rgb = np.clip(fall[..., None] * np.array(colour, np.float32), 0, 255).astype(np.uint8)
        size = (max(2, round(2 * radius)), max(2, round(2 * radius * squash)))
        left, top = round(x - radius), round(y - radius * squash)
        region = (max(left, 0), max(top, 0), min(left + size[0], self.w), min(top + size[1], self.h))
        if region[0] >= region[2] or region[1] >= region[3]:
            return
        # Only the part on the canvas is enlarged: a sun's glow is often larger than the picture.
        part = tuple((region[i] - (left, top)[i % 2]) * n / size[i % 2] for i in range(4))
        light = Image.fromarray(rgb).resize(
            (region[2] - region[0], region[3] - region[1]),
            Image.Resampling.BILINEAR,
            box=(part[0], part[1], part[2], part[3]),
        )
        self.image.paste(ImageChops.screen(self.image.crop(region), light), region)

    def soft(self, points: Sequence[Point], colour: RGB, opacity: float, blur: float) -> None:
        """Lay a blurred polygon of `colour` over the picture: shadows, mist, beams."""
        k = 4
        size = (self.w // k, self.h // k)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(x / k, y / k) for x, y in points], fill=round(255 * opacity))
        self._lay(
            mask.filter(ImageFilter.BoxBlur(max(0.5, blur / k))).filter(ImageFilter.BoxBlur(max(0.5, blur / k))), colour
        )

    def shadow(self, x: float, y: float, rx: float, ry: float, opacity: float = 0.5, colour: RGB = (0, 0, 0)) -> None:
        """Lay a soft elliptical shadow, densest in the middle."""
        n = 64
        axis = np.linspace(-1, 1, n, dtype=np.float32)
        fall = np.clip(1 - np.sqrt(axis[None] ** 2 + axis[:, None] ** 2), 0, 1)
        mask = Image.fromarray((np.clip(fall * 1.8, 0, 1) * opacity * 255).astype(np.uint8))
        mask = mask.resize((max(2, round(2 * rx)), max(2, round(2 * ry))), Image.Resampling.BILINEAR)
        self.image.paste(colour, (round(x - rx), round(y - ry)), mask)

    def veil(self, field: FloatArray, colour: RGB, top: float = 0.0, bottom: float | None = None) -> None:
        """Lay `colour` over the rows `top` to `bottom`; `field` is the opacity, 0 to 1, at any resolution."""
        end = self.h if bottom is None else round(bottom)
        start = round(top)
        if end <= start:
            return
        mask = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
        self.image.paste(colour, (0, start), mask.resize((self.w, end - start), Image.Resampling.BICUBIC))

    def stamp(self, sprite: Image.Image, x: float, y: float, height: float) -> None:
        """Paste an RGBA `sprite`, scaled to `height` pixels, with the middle of its lower edge at (x, y)."""
        if height < 2 or x + height < 0 or x - height > self.w or y - height > self.h:
            return
        # Scaling costs far more than pasting: sizes within a few percent share one copy.
        step = round(math.log(height) / _SCALE_STEP)
        small = self._scaled.get((id(sprite), step))
        if small is None:
            tall = max(2, round(math.exp(step * _SCALE_STEP)))
            wide = max(2, round(tall * sprite.width / sprite.height))
            small = sprite.resize((wide, tall), Image.Resampling.BILINEAR, reducing_gap=2.0)
            self._scaled[id(sprite), step] = small
        self.image.paste(small, (round(x - small.width / 2), round(y - small.height)), small)

    def texture(self, field: FloatArray, strength: float, top: float = 0.0, bottom: float | None = None) -> None:
        """Darken and lighten the rows `top` to `bottom` by `field` (0 to 1, neutral at 0.5)."""
        self.veil(np.clip(0.5 - field, 0, 0.5) * 2 * strength, (0, 0, 0), top, bottom)
        self.veil(np.clip(field - 0.5, 0, 0.5) * 2 * strength, (255, 255, 255), top, bottom)

    def bar(self, x: float, top: float, bottom: float, top_width: float, bottom_width: float, colour: RGB) -> None:
        """Draw an upright round column, tapering, lit from the left."""
        points = [
            (x - top_width / 2, top),
            (x + top_width / 2, top),
            (x + bottom_width / 2, bottom),
            (x - bottom_width / 2, bottom),
        ]
        left, right = min(p[0] for p in points), max(p[0] for p in points)
        mask = Image.new("L", (max(1, round(right - left) + 1), max(1, round(bottom - top) + 1)))
        ImageDraw.Draw(mask).polygon([(px - left, py - top) for px, py in points], fill=255)
        stops = ((0.0, shade(colour, 0.86)), (0.3, shade(colour, 1.12)), (1.0, shade(colour, 0.5)))
        self.paint_mask(mask, (round(left), round(top)), stops, sideways=True)

    def _lay(self, mask: Image.Image, colour: RGB) -> None:
        self.image.paste(colour, (0, 0), mask.resize((self.w, self.h), Image.Resampling.BILINEAR))
