# ruff: noqa: INP001 - scripts, not a package
"""Encoding: the product's encoders compared with the libraries' own loops, on the same models, pictures and texts.

sentence-transformers: `model.encode(texts)` as in its documentation. OpenCLIP: one picture at a time through `preprocess` and
`encode_image`, as in its README. Pictures are encoded by ViT-B-32 with random weights (speed does not depend on them).
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from backend.demo.gallery import render_gallery
from backend.encoders import load_encoders, resolve_encoders
from backend.files.text import MediaText, embedding_text
from backend.settings import Settings, load_settings
from benchmarks.frame import Row

Matrix = NDArray[np.float32]

_MODEL = "ViT-B-32"
_PICTURES, _TEXTS = 16, 200
_SIZE_PIXELS = 320


def run(scale: float) -> Iterator[Row]:
    """Rows for `make bench`: batches as in workers, compared with the simplest loops."""
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder))
        encoders = load_encoders(settings, resolve_encoders(settings))
        pictures = render_gallery(int(_PICTURES * scale), seed=0, size=_SIZE_PIXELS)
        images = [picture.image for picture in pictures]
        yield _row(
            f"{_MODEL}, {len(images)} pictures",
            lambda: encoders.image.embed_pictures(images),
            "OpenCLIP, one at a time",
            _encode_one_by_one(settings, images),
            len(images),
            "random weights",
        )
        texts = _texts(int(_TEXTS * scale))
        yield _row(
            f"MiniLM, {len(texts)} texts",
            lambda: encoders.text.embed_texts(texts),
            "sentence-transformers' encode",
            _encode_texts(resolve_encoders(settings).text_model, texts),
            len(texts),
            "texts of the demo gallery; ours counts tokens first, so that no text is cut",
        )


def _row(
    what: str, ours: Callable[[], Matrix], against: str, theirs: Callable[[], Matrix], count: int, note: str
) -> Row:
    """Rates, and the accuracy of the vectors: the smallest cosine between both."""
    our_rows, our_seconds = _timed(ours)
    their_rows, their_seconds = _timed(theirs)
    cosine = float((our_rows * their_rows).sum(axis=1).min())
    return Row(
        what,
        count / our_seconds,
        "a second",
        "more",
        against,
        count / their_seconds,
        quality="least cosine to theirs",
        our_quality=cosine,
        note=note,
    )


def _timed(encode: Callable[[], Matrix]) -> tuple[Matrix, float]:
    """The faster of two runs, so that caches and threads are warm."""
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        rows = encode()
        seconds.append(time.perf_counter() - begun)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), min(seconds)


def _settings(folder: Path) -> Settings:
    """Settings with the demo's text model, and a large image model with random weights."""
    import open_clip
    from safetensors.torch import save_model

    checkpoint = folder / "random.safetensors"
    save_model(open_clip.create_model(_MODEL), str(checkpoint))
    return load_settings(_env_file=None, preset="demo", image_model=_MODEL, image_checkpoint=str(checkpoint))


def _encode_one_by_one(settings: Settings, images: list[Image]) -> Callable[[], Matrix]:
    import open_clip
    import torch

    model, _, preprocess = open_clip.create_model_and_transforms(_MODEL, pretrained=settings.image_checkpoint)
    model.eval()

    def encode() -> Matrix:
        with torch.no_grad():
            rows = [model.encode_image(preprocess(image).unsqueeze(0))[0].numpy() for image in images]
        return np.stack(rows)

    return encode


def _encode_texts(name: str, texts: list[str]) -> Callable[[], Matrix]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(name, device="cpu")
    return lambda: np.asarray(model.encode(texts, show_progress_bar=False))


def _texts(count: int) -> list[str]:
    """Texts of pictures in the demo gallery. The pictures are small, because only their texts are used."""
    said = [
        embedding_text(
            MediaText(
                title=one.title,
                caption=one.caption,
                keywords=one.keywords,
                location=one.location,
                story=one.story,
            )
        )
        for one in render_gallery(min(count, _PICTURES * 2), seed=1, size=32)
    ]
    spoken = [text for text in said if text]
    return [f"{spoken[number % len(spoken)]} {number}" for number in range(count)]
