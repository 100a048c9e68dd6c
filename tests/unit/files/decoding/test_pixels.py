import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from backend.errors import ImageCorrupt, ImageTruncated, UnsupportedFormat
from backend.files.decoding.pixels import decode_picture
from backend.files.limits import Limits


def near(one: Image.Image, other: Image.Image, tolerance: float) -> bool:
    """Compare by the mean absolute difference (0 to 255)."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean()) <= tolerance


def shown(image: Image.Image) -> Image.Image:
    """What a viewer with color management shows; of these photographs, rocket.jpg is in Adobe RGB."""
    profile = image.info.get("icc_profile")
    if profile is None:
        return image.convert("RGB")
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None
    return converted


@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png", "camera.png", "no_time_for_that_tiny.gif"])
def test_decode_picture__photographs(pictures: Any, limits: Limits, name: str) -> None:
    data = pictures.photograph(name)

    found = decode_picture(data, limits)

    assert type(found) is Image.Image
    assert found.mode == "RGB"
    assert near(found, shown(Image.open(io.BytesIO(data))), 0.0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_picture__orientation(pictures: Any, limits: Limits, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pictures.encode(pictures.corners(), "PNG", exif=exif)

    found = decode_picture(data, limits)

    assert near(found, ImageOps.exif_transpose(Image.open(io.BytesIO(data))), 0.0)
    assert found.info == {}
    assert dict(found.getexif()) == {}


def test_decode_picture__orientation_six_turns_clockwise(pictures: Any, limits: Limits) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode_picture(pictures.encode(pictures.corners(), "PNG", exif=exif), limits)

    assert found.getpixel((0, 0)) == (0, 0, 255)
    assert found.getpixel((23, 0)) == (255, 0, 0)


@pytest.mark.parametrize("orientation", [1, 6])
def test_decode_picture__shrinks_a_jpeg_while_loading(pictures: Any, limits: Limits, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = Image.open(io.BytesIO(pictures.photograph("retina.jpg"))).resize((2000, 1000))
    data = pictures.encode(photo, exif=exif)

    found = decode_picture(data, limits, at_least=112)

    # 1000 / 224 allows a factor of 4; 8 would leave less than twice the size.
    assert found.size == ((500, 250) if orientation == 1 else (250, 500))
    assert decode_picture(data, limits, at_least=501).size == ((2000, 1000) if orientation == 1 else (1000, 2000))


def test_decode_picture__shrunk_picture_is_the_same_picture(pictures: Any, limits: Limits) -> None:
    data = pictures.photograph("retina.jpg")

    shrunk = decode_picture(data, limits, at_least=224).resize((224, 224), Image.Resampling.BICUBIC)
    full = decode_picture(data, limits).resize((224, 224), Image.Resampling.BICUBIC)

    assert shrunk.size != (1411, 1411)
    assert near(shrunk, full, 1.0)


def test_decode_picture__alpha_is_white(pictures: Any, limits: Limits) -> None:
    image = Image.new("RGBA", (2, 1))
    image.putpixel((0, 0), (255, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 51))

    found = decode_picture(pictures.encode(image, "PNG"), limits)

    assert found.getpixel((0, 0)) == (255, 255, 255)
    assert found.getpixel((1, 0)) == (204, 204, 204)


def test_decode_picture__palette_with_transparency(pictures: Any, limits: Limits) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)

    for name in ("PNG", "GIF"):
        found = decode_picture(pictures.encode(image, name, transparency=0), limits)

        assert found.getpixel((0, 0)) == (255, 255, 255)
        assert found.getpixel((1, 0)) == (200, 100, 50)


def test_decode_picture__grey_with_alpha(pictures: Any, limits: Limits) -> None:
    assert (
        decode_picture(pictures.encode(Image.new("LA", (1, 1), (0, 0)), "PNG"), limits).getpixel((0, 0)) == (255,) * 3
    )


def test_decode_picture__sixteen_bits(pictures: Any, limits: Limits) -> None:
    samples = np.array([[0, 255, 32768, 65535]], dtype=np.uint16)

    found = decode_picture(pictures.encode(Image.fromarray(samples), "PNG"), limits)

    assert np.asarray(found)[0].tolist() == [[value] * 3 for value in (0, 0, 128, 255)]


@pytest.mark.parametrize(("value", "expected"), [(0, (0, 0, 0)), (1, (255, 255, 255))])
def test_decode_picture__one_bit(pictures: Any, limits: Limits, value: int, expected: tuple[int, int, int]) -> None:
    assert decode_picture(pictures.encode(Image.new("1", (3, 3), value), "PNG"), limits).getpixel((1, 1)) == expected


def test_decode_picture__cmyk(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)))

    red, green, blue = np.asarray(decode_picture(data, limits))[8, 8].tolist()

    assert (red > 250, green < 5, blue < 5) == (True, True, True)


def test_decode_picture__first_frame(pictures: Any, limits: Limits) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]

    for name in ("GIF", "WEBP"):
        options = {"lossless": True} if name == "WEBP" else {}
        data = pictures.encode(frames[0], name, save_all=True, append_images=frames[1:], **options)
        assert decode_picture(data, limits).getpixel((0, 0)) == (255, 0, 0)


def test_decode_picture__truncated(pictures: Any, limits: Limits) -> None:
    for name in ("rocket.jpg", "coffee.png"):
        data = pictures.photograph(name)
        with pytest.raises(ImageTruncated):
            decode_picture(data[: len(data) // 2], limits)


def test_decode_picture__pixels_that_are_no_zlib_stream(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(pictures.corners(), "PNG")
    start, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    data = data[:start] + pictures.png_chunk(b"IDAT", b"\x00" * 50) + data[end:]

    with pytest.raises(ImageCorrupt):
        decode_picture(data, limits)


def test_decode_picture__not_a_picture(limits: Limits) -> None:
    with pytest.raises(UnsupportedFormat):
        decode_picture(b"hello", limits)
