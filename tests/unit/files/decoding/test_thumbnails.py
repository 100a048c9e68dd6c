import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.files.decoding import THUMBNAIL_SIDES
from backend.files.decoding.pixels import decode_picture
from backend.files.decoding.thumbnails import make_thumbnails
from backend.files.limits import Limits


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["WEBP", "JPEG"])


@pytest.mark.parametrize(
    ("size", "small", "large"),
    [
        ((3000, 1500), (320, 160), (1280, 640)),
        ((1500, 3000), (160, 320), (640, 1280)),
        ((1000, 700), (320, 224), (1000, 700)),
        ((300, 200), (300, 200), (300, 200)),
        ((5000, 2), (320, 1), (1280, 1)),
        ((1, 1), (1, 1), (1, 1)),
    ],
)
def test_make_thumbnails__sizes(size: tuple[int, int], small: tuple[int, int], large: tuple[int, int]) -> None:
    thumbnails = make_thumbnails(Image.new("RGB", size, "teal"))

    assert set(thumbnails) == set(THUMBNAIL_SIDES)
    assert opened(thumbnails["small"]).size == small
    assert opened(thumbnails["large"]).size == large
    assert (opened(thumbnails["small"]).format, opened(thumbnails["large"]).format) == ("WEBP", "JPEG")


def test_make_thumbnails__look_like_the_picture(pictures: Any, limits: Limits) -> None:
    picture = decode_picture(pictures.photograph("retina.jpg"), limits)

    for data in make_thumbnails(picture).values():
        thumbnail = opened(data).convert("RGB")
        plain = picture.resize(thumbnail.size, Image.Resampling.LANCZOS)
        assert np.abs(np.asarray(thumbnail, dtype=float) - np.asarray(plain, dtype=float)).mean() < 3.0


def test_make_thumbnails__same_pixels_same_bytes(pictures: Any, limits: Limits) -> None:
    data = pictures.photograph()

    assert make_thumbnails(decode_picture(data, limits)) == make_thumbnails(decode_picture(data, limits))


def test_make_thumbnails__no_metadata(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    data = pictures.encode(pictures.corners(), exif=exif, icc_profile=b"profile" * 30, comment=b"secret")
    data = pictures.with_xmp(data, "<dc:title>secret</dc:title>")

    for source in (decode_picture(data, limits), Image.open(io.BytesIO(data))):
        for thumbnail in make_thumbnails(source).values():
            assert not {"exif", "icc_profile", "xmp", "comment"} & set(opened(thumbnail).info)
            assert b"secret" not in thumbnail


def test_make_thumbnails__leave_the_picture_as_it_is() -> None:
    picture = Image.new("RGB", (2000, 1000))

    make_thumbnails(picture)

    assert picture.size == (2000, 1000)
