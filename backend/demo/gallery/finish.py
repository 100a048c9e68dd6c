"""What a camera does to a scene: framing, exposure, colour cast, bloom, vignette, blur and film grain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from backend.demo.gallery.canvas import SUPERSAMPLE
from backend.demo.gallery.noise import FloatArray


def finish(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the photograph of a supersampled `image`: `SUPERSAMPLE` times smaller, never twice the same."""
    width, height = image.width // SUPERSAMPLE, image.height // SUPERSAMPLE
    crop = rng.uniform(0.0, 0.05)
    angle = float(rng.normal(0, 0.7)) if rng.random() < 0.35 else 0.0
    if angle:
        crop = max(crop, abs(angle) / 57.3 * max(width / height, height / width) * 0.52 + 0.002)
    photo = _framed(image, crop, angle)
    if rng.random() < 0.5:
        photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    softness = rng.random()
    if softness < 0.08:
        photo = photo.filter(ImageFilter.GaussianBlur(min(width, height) * 0.0025))
    bright = photo.resize((max(2, width // 8), max(2, height // 8)), Image.Resampling.BOX)
    bright = bright.point(lambda v: max(0, v - 176)).filter(ImageFilter.BoxBlur(max(1.0, width / 160)))
    photo = ImageChops.screen(photo, bright.resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray(_develop(np.asarray(photo, np.float32), rng))


def _framed(image: Image.Image, crop: float, angle: float) -> Image.Image:
    """Return `image` turned by `angle` degrees, less `crop` of each side, and `SUPERSAMPLE` times smaller."""
    small = (image.width // SUPERSAMPLE, image.height // SUPERSAMPLE)
    dx, dy = image.width * crop, image.height * crop
    if not angle:
        return image.resize(small, Image.Resampling.BOX, box=(dx, dy, image.width - dx, image.height - dy))
    photo = image.reduce(SUPERSAMPLE).rotate(angle, Image.Resampling.BICUBIC)
    dx, dy = photo.width * crop, photo.height * crop
    return photo.resize(small, Image.Resampling.BICUBIC, box=(dx, dy, photo.width - dx, photo.height - dy))


def _develop(pixels: FloatArray, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return (height, width, 3) pixels with exposure, cast, contrast, vignette and grain applied."""
    height, width = pixels.shape[:2]
    gain = np.float32(2.0 ** np.clip(rng.normal(0, 0.16), -0.4, 0.35))
    cast = (1 + rng.normal(0, 0.018, 3)).astype(np.float32)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    vignette = 1 - np.float32(rng.uniform(0.05, 0.2)) * (x * x + y * y) * np.float32(0.5)
    exposure: FloatArray = (vignette[..., None] * (gain * cast / 255)).astype(np.float32)
    pixels = pixels * exposure
    bend = np.float32(rng.uniform(0.05, 0.3))
    np.clip(pixels, 0, 1, out=pixels)
    pixels += bend * (pixels * pixels * (3 - 2 * pixels) - pixels)
    grain = rng.standard_normal((height, width), np.float32) * np.float32(rng.uniform(0.006, 0.017))
    pixels += grain[..., None]
    np.clip(pixels, 0, 1, out=pixels)
    return (pixels * 255 + 0.5).astype(np.uint8)
