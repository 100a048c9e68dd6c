"""Rendering whole pictures, with their words, from seeds that no two purposes share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from PIL import Image

from backend.demo.gallery.canvas import Canvas
from backend.demo.gallery.finish import finish
from backend.demo.gallery.kinds import KINDS, Kind, draw_look
from backend.demo.gallery.look import Look, mood_of
from backend.demo.gallery.nature import weather
from backend.demo.gallery.words import Words, describe

RENDERER_VERSION = 1
"""Raised whenever the same seed gives other pictures or words, so that a written gallery is renewed."""

GALLERY = "gallery"
TRAINING = "training"
SINGLE = "single"

_SHAPES = ((4, 3), (3, 2), (16, 10), (4, 3), (3, 4), (2, 3), (1, 1))
_WORDLESS_SHARE = 0.05


@dataclass(frozen=True)
class Picture:
    """A rendered picture and its words.

    `image` is RGB, its longer side the `size` asked for. `kind` is the true label, for measuring only. About one picture
    in twenty is wordless: all its texts are empty and `taken_at` is None.
    """

    name: str
    kind: str
    title: str
    caption: str
    keywords: tuple[str, ...]
    location: str
    story: str
    taken_at: datetime | None
    image: Image.Image


@dataclass(frozen=True)
class Scene:
    """A picture before its words are chosen: the pixels, the look they show, and the chance that is left."""

    kind: str
    look: Look
    image: Image.Image
    rng: np.random.Generator


def generator(purpose: str, seed: int, *parts: object) -> np.random.Generator:
    """Return the random generator of one thing.

    The key is a SHA-256 of the purpose, the seed and the parts, so generators for different purposes are unrelated
    whatever their seeds: training pictures can never be gallery pictures.
    """
    key = "/".join(str(part) for part in (purpose, seed, *parts))
    return np.random.default_rng(np.frombuffer(hashlib.sha256(key.encode()).digest(), np.uint32))


def render_scene(kind: str, rng: np.random.Generator, size: int) -> Scene:
    """Return a scene of `kind`, its longer side `size` pixels. Raises KeyError for an unknown kind."""
    spec: Kind = KINDS[kind]
    look = draw_look(spec, rng)
    words_rng = np.random.default_rng(rng.integers(2**63))
    across, down = _SHAPES[int(rng.integers(len(_SHAPES)))]
    # A square of the full side would look larger than the rest.
    side = size * (0.85 if across == down else 1.0)
    width, height = round(side * across / max(across, down)), round(side * down / max(across, down))
    canvas = Canvas(width, height, rng)
    mood = mood_of(look, rng)
    spec.draw(canvas, look, mood)
    if not spec.indoors:
        weather(canvas, look, mood)
    return Scene(kind, look, finish(canvas.image, rng), words_rng)


def render_picture(kind: str, seed: int, size: int = 640) -> Picture:
    """Return one picture of `kind`, the same for the same seed; its longer side is `size` pixels (at least 32).

    Raises KeyError for an unknown kind and ValueError for a size too small to draw on.
    """
    _check_size(size)
    scene = render_scene(kind, generator(SINGLE, seed, kind), size)
    return _with_words(scene, f"{kind}-{seed}.jpg", describe(kind, scene.look, scene.rng))


def render_gallery(count: int = 300, seed: int = 0, size: int = 640) -> Iterator[Picture]:
    """Yield `count` pictures of all kinds in shuffled order.

    Each picture depends on nothing but `seed` and its index: a longer gallery starts with the shorter one. Raises
    ValueError for a negative count or a size below 32.
    """
    _check_size(size)
    for index, kind in enumerate(kinds_of_gallery(count, seed)):
        yield render_gallery_picture(index, kind, seed, size)


def render_gallery_picture(index: int, kind: str, seed: int, size: int) -> Picture:
    """Return the picture at `index` of the gallery, which is of `kind` there (see `kinds_of_gallery`)."""
    scene = render_scene(kind, generator(GALLERY, seed, index), size)
    wordless = generator(GALLERY, seed, index, "wordless").random() < _WORDLESS_SHARE
    words = Words() if wordless else describe(kind, scene.look, scene.rng)
    return _with_words(scene, _name(index, kind), words)


def names_of_gallery(count: int, seed: int) -> dict[str, str]:
    """Return the file name of each of `count` pictures, in order, with its kind. Raises ValueError as `kinds_of_gallery`."""
    return {_name(index, kind): kind for index, kind in enumerate(kinds_of_gallery(count, seed))}


def kinds_of_gallery(count: int, seed: int) -> list[str]:
    """Return the kind of each of `count` pictures.

    They are dealt from decks that hold each kind as often as its share in `KINDS` says, and each kind once in front, so
    that a small gallery has them all. Raises ValueError for a negative count.
    """
    if count < 0:
        raise ValueError(f"count must not be negative: {count}")
    rest = [slug for slug, kind in KINDS.items() for _ in range(kind.share - 1)]
    dealt: list[str] = []
    while len(dealt) < count:
        rng = generator(GALLERY, seed, "deck", len(dealt))
        for part in (list(KINDS), rest):
            dealt.extend(part[place] for place in rng.permutation(len(part)))
    return dealt[:count]


def _name(index: int, kind: str) -> str:
    return f"{index:04d}-{kind}.jpg"


def _check_size(size: int) -> None:
    if size < 32:
        raise ValueError(f"pictures smaller than 32 pixels cannot be drawn: {size}")


def _with_words(scene: Scene, name: str, words: Words) -> Picture:
    return Picture(
        name,
        scene.kind,
        words.title,
        words.caption,
        words.keywords,
        words.location,
        words.story,
        words.taken_at,
        scene.image,
    )
