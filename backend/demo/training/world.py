"""Rendering and caching the training pictures, under a purpose that the gallery never draws from."""

from __future__ import annotations

import io
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.demo.gallery.kinds import KINDS
from backend.demo.gallery.look import Look
from backend.demo.gallery.picture import RENDERER_VERSION, TRAINING, generator, render_scene

STORED_SIDE = 84
"""Training pictures are kept squashed to this side, in pixels: a little more than the model sees, to crop from."""


@dataclass(frozen=True)
class World:
    """`pixels` is uint8 (n, STORED_SIDE, STORED_SIDE, 3); `looks` and `kinds` (places in `KINDS`) run beside it."""

    pixels: NDArray[np.uint8]
    looks: list[Look]
    kinds: NDArray[np.int64]


def load_world(cache: Path, count: int, seed: int) -> World:
    """Return `count` training pictures, balanced over the kinds, from `cache` or rendered into it with two processes."""
    stem = cache / f"world-r{RENDERER_VERSION}-s{seed}-n{count}-p{STORED_SIDE}"
    pixels_file, looks_file = stem.with_suffix(".npy"), stem.with_suffix(".json")
    kinds = np.arange(count) % len(KINDS)
    if not looks_file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        pixels, looks = _render(count, seed)
        np.save(pixels_file, pixels)
        looks_file.write_text(json.dumps([asdict(look) for look in looks]), "utf-8")
    looks = [Look(**fields) for fields in json.loads(looks_file.read_text("utf-8"))]
    return World(np.load(pixels_file), looks, kinds)


def _render(count: int, seed: int) -> tuple[NDArray[np.uint8], list[Look]]:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results: Iterator[tuple[NDArray[np.uint8], Look]] = pool.imap(_one, ((seed, i) for i in range(count)), 32)
        pairs = list(results)
    return np.stack([pixels for pixels, _ in pairs]), [look for _, look in pairs]


def _one(job: tuple[int, int]) -> tuple[NDArray[np.uint8], Look]:
    seed, index = job
    rng = generator(TRAINING, seed, index)
    size = int(rng.integers(160, 321))
    scene = render_scene(list(KINDS)[index % len(KINDS)], rng, size)
    image = scene.image
    if scene.rng.random() < 0.6:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(scene.rng.integers(45, 95)))
        image = Image.open(buffer)
    return np.asarray(image.resize((STORED_SIDE, STORED_SIDE), Image.Resampling.BICUBIC)), scene.look
