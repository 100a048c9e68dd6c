# ruff: noqa: INP001 - scripts, not a package
"""The demo gallery as vectors of the demo encoders, and variations of it."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.demo.gallery import Picture, render_gallery
from backend.encoders import Encoders, load_encoders, resolve_encoders
from backend.features.editing import Wording
from backend.files.text import MediaText
from backend.settings import load_settings

Matrix = NDArray[np.float32]

_BATCH = 16
_SIZE_PIXELS = 160
# Cosines of texts to pictures become 0.25 * cosine + 0.22, about the range of large models: 0.2 to 0.35.
_GAP, _BETWEEN_CONES = 0.75, 0.29


@dataclass(frozen=True, eq=False)
class Gallery:
    """Kinds (n,), images (n, d), texts (n, e) and captions (n, d). Rows without text are NaN."""

    kinds: NDArray[np.str_]
    images: Matrix
    texts: Matrix
    captions: Matrix

    def without_words(self, share: float) -> "Gallery":
        """Remove the text of a random share of the pictures."""
        silent = np.random.default_rng(0).random(len(self.kinds)) < share
        texts, captions = self.texts.copy(), self.captions.copy()
        texts[silent], captions[silent] = np.nan, np.nan
        return replace(self, texts=texts, captions=captions)

    def with_modality_gap(self) -> "Gallery":
        """The gallery as embedded by a large model, with pictures and texts in separate narrow cones (Liang et al., Mind the gap, NeurIPS
        2022): cosines of texts to pictures keep their order, with a quarter of their spread."""
        return replace(self, images=pictures_in_cone(self.images), captions=words_in_cone(self.captions))


def load_demo_encoders() -> Encoders:
    settings = load_settings(_env_file=None, preset="demo")
    return load_encoders(settings, resolve_encoders(settings))


def open_gallery(encoders: Encoders, count: int, seed: int, cache: Path | None) -> Gallery:
    """Render and embed the gallery, or read it from the cache."""
    path = None if cache is None else cache / f"gallery-{count}-{seed}-{_SIZE_PIXELS}.npz"
    if path is not None and path.exists():
        return Gallery(**np.load(path))
    pictures = list(render_gallery(count, seed=seed, size=_SIZE_PIXELS))
    wordings = [Wording.of(_text(picture), "") for picture in pictures]
    gallery = Gallery(
        kinds=np.array([picture.kind for picture in pictures]),
        images=np.concatenate(
            [
                encoders.image.embed_pictures([_as_jpeg(one.image) for one in pictures[first : first + _BATCH]])
                for first in range(0, count, _BATCH)
            ]
        ),
        texts=_embed_spoken(encoders.text.embed_texts, [wording.words for wording in wordings]),
        captions=_embed_spoken(encoders.image.embed_words, [wording.caption for wording in wordings]),
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **vars(gallery))
    return gallery


def pictures_in_cone(images: Matrix) -> Matrix:
    """Unit vectors (n, d + 2) in the cone of pictures."""
    return _in_cone(images, (1.0, 0.0))


def words_in_cone(words: Matrix) -> Matrix:
    """Unit vectors (n, d + 2) in the cone of texts."""
    return _in_cone(words, (_BETWEEN_CONES, np.sqrt(1 - _BETWEEN_CONES**2)))


def _in_cone(vectors: Matrix, axis: tuple[float, float]) -> Matrix:
    along = np.broadcast_to(np.sqrt(_GAP) * np.array(axis), (len(vectors), 2))
    return np.hstack([np.sqrt(1 - _GAP) * vectors, along]).astype(np.float32)


def _text(picture: Picture) -> MediaText:
    return MediaText(
        title=picture.title,
        caption=picture.caption,
        keywords=picture.keywords,
        location=picture.location,
        story=picture.story,
        taken_at=picture.taken_at,
    )


def _as_jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return Image.open(buffer)


def _embed_spoken(embed: Callable[[list[str]], Matrix], words: list[str]) -> Matrix:
    spoken = [place for place, text in enumerate(words) if text]
    rows = embed([words[place] for place in spoken])
    vectors = np.full((len(words), rows.shape[1]), np.nan, dtype=np.float32)
    vectors[spoken] = rows
    return vectors
