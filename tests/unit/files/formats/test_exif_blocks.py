"""Of an EXIF block over its limit the longest values are left out, and the others are read as ever."""

import io
import struct
import time
from dataclasses import replace
from typing import Any

import pytest
from PIL import ExifTags, Image

from backend.files.decoding import inspect_picture
from backend.files.decoding.pixels import decode_picture
from backend.files.formats import bound_exif
from backend.files.limits import Limits
from backend.files.metadata import read_metadata, says_place


def make_exif(order: str = "<", notes: int = 80_000) -> Image.Exif:
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.ImageDescription] = "Described"
    exif[ExifTags.Base.Orientation] = 6
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[ExifTags.Base.DateTimeOriginal] = "2024:05:01 12:30:00"
    photo[ExifTags.Base.MakerNote] = b"n" * notes
    photo[ExifTags.Base.LensModel] = "A lens"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["WEBP", "PNG", "AVIF"])
def test_bound_exif__notes_of_the_maker_cost_nothing_else(pictures: Any, limits: Limits, name: str, order: str) -> None:
    data = pictures.encode(pictures.corners(40, 24), name, exif=make_exif(order))

    found, metadata = inspect_picture(data, limits), read_metadata(data, limits)

    assert [one.code for one in found.warnings] == ["exif_too_long"]
    assert (found.width, found.height) == (24, 40) == decode_picture(data, limits).size
    assert metadata.text.caption == "Described"
    assert [one.moment.isoformat() for one in metadata.dates] == ["2024-05-01T12:30:00"]
    assert metadata.exif["latitude_degrees"] == 52.5
    assert metadata.exif["lens_model"] == "A lens"
    assert says_place(data)


def test_bound_exif__a_word_over_the_limit_is_left_out(pictures: Any, limits: Limits) -> None:
    """As Windows writes comments: 80,000 bytes of one value."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.XPComment] = ("x" * 40_000).encode("utf-16-le")
    data = pictures.encode(pictures.corners(), "WEBP", exif=exif)

    assert [one.code for one in inspect_picture(data, limits).warnings] == ["exif_too_long"]
    metadata = read_metadata(data, limits)
    assert (metadata.text.caption, metadata.exif) == ("", {"make": "Maker"})
    assert read_metadata(data, replace(limits, max_exif_bytes=100_000)).text.caption.startswith("xxx")


def test_bound_exif__raw_profile_of_imagemagick(pictures: Any, limits: Limits) -> None:
    block = make_exif().tobytes()
    text = f"\nexif\n{len(block):8}\n" + "\n".join(block.hex()[at : at + 72] for at in range(0, 2 * len(block), 72))
    data = pictures.encode(pictures.corners(40, 24), "PNG")
    data = data[:33] + pictures.png_chunk(b"tEXt", b"Raw profile type exif\0" + text.encode()) + data[33:]

    assert [one.code for one in inspect_picture(data, limits).warnings] == ["exif_too_long"]
    assert read_metadata(data, limits).exif["latitude_degrees"] == 52.5


@pytest.mark.filterwarnings("ignore::UserWarning")  # as the product has it
def test_says_place__far_behind_in_a_long_block(pictures: Any) -> None:
    """What is further on than the search reads counts as a place."""
    block = make_exif(notes=10).tobytes()
    pointer = block.index(struct.pack("<HHI", ExifTags.IFD.GPSInfo, 4, 1)) + 8
    (directory,) = struct.unpack_from("<I", block, pointer)
    padding = bytes(3_000_000)
    moved = block[:pointer] + struct.pack("<I", len(block) - 6 + len(padding)) + block[pointer + 4 :] + padding
    moved += block[6 + directory :]

    assert says_place(pictures.encode(pictures.corners(), "WEBP", exif=moved))


@pytest.mark.parametrize(
    "block",
    [
        b"no exif" * 20_000,
        b"II*\0" + bytes(100_000),
        b"II*\0\xff\xff\xff\xff" + bytes(100_000),
        b"MM\0*\0\0\0\x08\xff\xff" + bytes(range(1, 250)) * 1000,
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + bytes(100_000),
    ],
)
def test_bound_exif__hostile_blocks(pictures: Any, limits: Limits, block: bytes) -> None:
    image = pictures.corners()
    image.info["exif"] = block
    begun = time.process_time()

    assert bound_exif(image, limits.max_exif_bytes) == len(block)

    assert time.process_time() - begun < 0.5
    assert len(image.info["exif"]) <= len(block)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", exif=block)
    read_metadata(buffer.getvalue(), limits)
