"""The perceptual hash: near for variants of a picture, far for others, silent where there is nothing to see."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from backend.demo.gallery.picture import render_picture
from backend.files.decoding import NO_DETAIL
from backend.files.decoding.perceptual_hash import perceptual_hash


def distance(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def recompress(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def crop(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    return image.crop((round(width * share), round(height * share), round(width * (1 - share)), height))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return render_picture("lighthouse", 3, 400).image


@pytest.mark.parametrize(
    ("change", "most_bits"),
    [
        (lambda image: image.resize((image.width // 2, image.height // 2)), 4),
        (lambda image: image.resize((image.width * 2, image.height * 2)), 4),
        (lambda image: recompress(image, 20), 6),
        (lambda image: ImageEnhance.Brightness(image).enhance(1.1), 8),
        (lambda image: ImageEnhance.Contrast(image).enhance(1.2), 8),
        (lambda image: image.convert("L"), 0),
        (lambda image: crop(image, 0.01), 10),
    ],
    ids=["half", "double", "quality 20", "brighter", "contrast", "grey", "cropped"],
)
def test_perceptual_hash__variants_are_near(
    picture: Image.Image, change: Callable[[Image.Image], Image.Image], most_bits: int
) -> None:
    assert distance(perceptual_hash(picture), perceptual_hash(change(picture))) <= most_bits


def test_perceptual_hash__others_of_the_same_kind_are_far(picture: Image.Image) -> None:
    others = [perceptual_hash(render_picture("lighthouse", seed, 400).image) for seed in range(20, 24)]
    assert min(distance(perceptual_hash(picture), other) for other in others) > 10
    assert distance(perceptual_hash(picture), perceptual_hash(picture.transpose(Image.Transpose.ROTATE_90))) > 10


def test_perceptual_hash__half_of_the_bits_and_signed(picture: Image.Image) -> None:
    generator = np.random.default_rng(0)
    hashes = [
        perceptual_hash(Image.fromarray(generator.integers(0, 255, (16, 16, 3), dtype=np.uint8))) for _ in range(20)
    ]
    assert {(one & (2**64 - 1)).bit_count() for one in hashes} == {32}
    assert all(-(2**63) <= one < 2**63 for one in hashes)
    assert min(hashes) < 0 < max(hashes)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_perceptual_hash__nothing_to_see(grey: int) -> None:
    page = np.full((200, 300, 3), grey, dtype=np.uint8)
    page[::7, ::5] ^= 1
    assert perceptual_hash(Image.fromarray(page)) == NO_DETAIL
