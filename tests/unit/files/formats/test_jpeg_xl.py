"""JPEG XL is refused with advice where its extra is missing, and read like any other format where it is there."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.errors import ImageCorrupt, ImageTruncated, TooManyPixels, UnsupportedFormat
from backend.files.decoding import inspect_picture
from backend.files.decoding.pixels import decode_picture
from backend.files.formats import formats, identify_format
from backend.files.formats.jpeg_xl import find_box, packed_kinds, read_size, walk_jpeg_xl
from backend.files.metadata import read_metadata
from tests.support.limits import make_limits
from tests.support.pictures import Pictures
from tests.support.profiles import DISPLAY_P3

LIMITS = make_limits()
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
PACKET = Pictures.xmp("<dc:title>A cup</dc:title>")


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def header(*numbers: tuple[int, int]) -> bytes:
    """A codestream that begins with these numbers, each with its bits, the lowest bit first."""
    value = place = 0
    for number, bits in numbers:
        value |= number << place
        place += bits
    return b"\xff\x0a" + value.to_bytes(16, "little")


@pytest.mark.parametrize("begin", [b"\xff\x0a", CONTAINER])
def test_identify_format__without_the_extra_there_is_advice(monkeypatch: pytest.MonkeyPatch, begin: bytes) -> None:
    monkeypatch.setattr(formats, "_is_installed", lambda _: False)

    with pytest.raises(UnsupportedFormat, match=r"pip install 'mediacluster\[jxl\]' or convert it to JPEG"):
        identify_format(begin + bytes(50), LIMITS)


@pytest.mark.parametrize(
    ("numbers", "size"),
    [
        ([(1, 1), (7, 5), (0, 3), (11, 5)], (96, 64)),
        ([(1, 1), (7, 5), (1, 3)], (64, 64)),
        ([(0, 1), (1, 2), (1079, 13), (5, 3)], (1920, 1080)),
        ([(0, 1), (1, 2), (776, 13), (0, 3), (1, 2), (512, 13)], (513, 777)),
        ([(0, 1), (3, 2), (2**30 - 1, 30), (7, 3)], (2**31, 2**30)),
    ],
)
def test_read_size__in_a_codestream_and_in_boxes(numbers: list[tuple[int, int]], size: tuple[int, int]) -> None:
    stream = header(*numbers)
    start = CONTAINER + box(b"ftyp", b"jxl \0\0\0\0jxl ")

    assert read_size(stream) == size
    assert read_size(start + box(b"Exif", bytes(40)) + box(b"jxlc", stream)) == size
    assert read_size(start + box(b"jxlp", bytes(4) + stream[:3]) + box(b"jxlp", b"\x80\0\0\1" + stream[3:])) == size


@pytest.mark.parametrize(
    "data", [b"\xff\x0a", b"\xff\x0a\x06", CONTAINER, CONTAINER + b"\0\0\0", CONTAINER + box(b"jxlc", b"\xff")]
)
def test_read_size__of_one_that_is_cut(data: bytes) -> None:
    with pytest.raises(ImageTruncated):
        read_size(data)


def test_read_size__of_something_else_in_the_boxes() -> None:
    with pytest.raises(ImageCorrupt):
        read_size(CONTAINER + box(b"jxlc", b"\xff\xd8\xff\xe0"))


def test_walk_jpeg_xl__refuses_a_bomb_before_it_is_decoded() -> None:
    with pytest.raises(TooManyPixels):
        walk_jpeg_xl(header((0, 1), (3, 2), (2**20, 30), (1, 3)), 1)


def test_find_box__and_those_that_are_packed() -> None:
    data = CONTAINER + box(b"xml ", b"words") + box(b"brob", b"Exif...") + box(b"jxlc", b"\xff\x0a") + bytes(20_000)

    assert (find_box(data, b"xml "), find_box(data, b"none")) == (b"words", b"")
    assert packed_kinds(data) == [b"Exif"]
    assert find_box(b"\xff\x0a" + bytes(20), b"xml ") == b""


def encoded(image: Image.Image, **options: Any) -> bytes:
    plugin = pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    assert plugin
    buffer = io.BytesIO()
    image.save(buffer, "JXL", lossless=True, **options)
    return buffer.getvalue()


def test_jpeg_xl__is_inspected_and_decoded() -> None:
    image = Pictures.corners()
    data = encoded(image)

    found = inspect_picture(data, LIMITS)
    assert (found.mime, found.extension, (found.width, found.height), found.frames) == (
        "image/jxl",
        "jxl",
        image.size,
        1,
    )
    assert np.array_equal(np.asarray(decode_picture(data, LIMITS)), np.asarray(image.convert("RGB")))
    for length in (len(data) - 20, len(data) // 2, 30):
        with pytest.raises((ImageCorrupt, ImageTruncated)):
            inspect_picture(data[:length], LIMITS)


def test_jpeg_xl__metadata_is_read() -> None:
    exif = Image.Exif()
    exif[0x010E] = "A walk"
    exif[0x0112] = 6  # the picture is upright already
    data = encoded(Pictures.corners(), exif=exif.tobytes(), xmp=PACKET)

    found = read_metadata(data, LIMITS)
    assert (found.text.caption, found.text.title, found.warnings) == ("A walk", "A cup", ())
    assert decode_picture(data, LIMITS).size == Pictures.corners().size
    packed = read_metadata(encoded(Pictures.corners(), exif=exif.tobytes(), xmp=PACKET, compress_metadata=True), LIMITS)
    assert packed.text.is_empty
    assert [warning.partition(" of ")[0] for warning in packed.warnings] == ["The EXIF block", "The XMP packet"]


def test_jpeg_xl__with_a_jpeg_packed_into_it(tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "A walk", 6
    image = Pictures.corners().resize((64, 48))
    image.save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as jpeg, pytest.warns(UserWarning, match="JPEG reconstruction"):
        jpeg.save(tmp_path / "a.jxl")
    data = (tmp_path / "a.jxl").read_bytes()

    assert (inspect_picture(data, LIMITS).width, inspect_picture(data, LIMITS).height) == (48, 64)
    expected = decode_picture((tmp_path / "a.jpg").read_bytes(), LIMITS)
    assert np.array_equal(np.asarray(decode_picture(data, LIMITS)), np.asarray(expected))
    assert read_metadata(data, LIMITS).text.caption == "A walk"


def test_jpeg_xl__colors_are_those_of_its_profile(tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    image = Image.new("RGB", (32, 32), "#c85050")
    DISPLAY_P3.twin_of(image).save(tmp_path / "a.jpg", icc_profile=DISPLAY_P3.profile(), quality=95)
    with Image.open(tmp_path / "a.jpg") as jpeg, pytest.warns(UserWarning, match="JPEG reconstruction"):
        jpeg.save(tmp_path / "a.jxl")

    found = decode_picture((tmp_path / "a.jxl").read_bytes(), LIMITS)
    assert np.abs(np.asarray(found, dtype=int) - np.asarray(image, dtype=int)).max() <= 3
