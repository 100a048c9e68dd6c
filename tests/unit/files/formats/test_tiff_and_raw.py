"""TIFF within limits, and raw pictures of cameras by the JPEG in them.

The raw pictures are made by hand: a DNG that LibRaw opens, and the beginnings of the others, by which they are told apart.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.errors import ImageCorrupt, ImageTruncated, TooManyPixels, UnsupportedFormat
from backend.files.decoding import inspect_picture
from backend.files.decoding.pixels import decode_picture
from backend.files.formats import FORMATS, formats, identify_format
from backend.files.limits import Limits
from backend.files.metadata import read_metadata, says_place
from tests.support.profiles import DISPLAY_P3


def farthest(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff__each_mode(pictures: Any, limits: Limits, mode: str, compression: str | None) -> None:
    original = pictures.corners().convert(mode)
    data = pictures.encode(original, "TIFF", compression=compression)

    found = inspect_picture(data, limits)

    assert (found.mime, found.extension, found.width, found.height, found.frames) == ("image/tiff", "tif", 40, 24, 1)
    assert found.warnings == ()
    assert farthest(decode_picture(data, limits), original.convert("RGB")) <= 1


@pytest.mark.parametrize("kind", ["group4", "jpeg"])
def test_tiff__of_scanners(pictures: Any, limits: Limits, kind: str) -> None:
    original = Image.open(io.BytesIO(pictures.photograph("page.png"))).convert("1" if kind == "group4" else "RGB")
    data = pictures.encode(original, "TIFF", compression=kind)

    assert inspect_picture(data, limits).width == original.width
    difference = np.asarray(decode_picture(data, limits), dtype=int) - np.asarray(original.convert("RGB"), dtype=int)
    assert np.abs(difference).mean() < 3


def test_tiff__sixteen_bits_of_grey(pictures: Any, limits: Limits) -> None:
    values = np.array([[0, 255, 32768, 65535]], dtype=np.uint16)
    for order in ("<u2", ">u2"):
        data = pictures.encode(Image.fromarray(values.astype(order)), "TIFF")
        assert np.asarray(decode_picture(data, limits))[0, :, 0].tolist() == [0, 0, 128, 255]
        inspect_picture(data, limits)


def directory(order: str, start: int, entries: Sequence[tuple[int, int, Any]], following: int = 0) -> bytes:
    """A directory of a TIFF at a position; a value is a list of numbers, or bytes."""
    entries = sorted(entries, key=lambda one: one[0])
    table, body = b"", b""
    end = start + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        letter, unit = {1: ("B", 1), 2: ("s", 1), 3: ("H", 2), 4: ("I", 4), 5: ("II", 8)}[kind]
        if isinstance(value, bytes):
            packed, count = value, len(value)
        elif kind == 5:
            packed, count = struct.pack(f"{order}{2 * len(value)}I", *(x for v in value for x in (v, 1))), len(value)
        else:
            packed, count = struct.pack(f"{order}{len(value)}{letter}", *value), len(value)
        assert len(packed) == count * unit
        if len(packed) > 4:
            place = struct.pack(f"{order}I", end + len(body))
            body += packed + bytes(len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        table += struct.pack(f"{order}HHI", tag, kind, count) + place
    return struct.pack(f"{order}H", len(entries)) + table + struct.pack(f"{order}I", following) + body


def make_tiff(order: str, bits: int, samples: np.ndarray, *more: tuple[int, int, Any]) -> bytes:
    """An uncompressed RGB TIFF."""
    height, width, _ = samples.shape
    pixels = samples.astype(f"{order}u{bits // 8}").tobytes()
    entries = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * 3), (259, 3, [1]), (262, 3, [2]), (273, 4, [8]),
        (277, 3, [3]), (278, 4, [height]), (279, 4, [len(pixels)]), *more,
    ]  # fmt: skip
    start = 8 + len(pixels)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + pixels + directory(order, start, entries)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff__sixteen_bits_of_color_with_a_profile(limits: Limits, order: str) -> None:
    original = np.random.default_rng(1).integers(30, 220, size=(20, 30, 3), dtype=np.uint8)
    twin = np.asarray(DISPLAY_P3.twin_of(Image.fromarray(original)), dtype=np.uint16)
    profile = DISPLAY_P3.profile()
    data = make_tiff(order, 16, twin * 257, (34675, 1, profile))

    assert inspect_picture(data, limits).warnings == ()
    difference = np.abs(np.asarray(decode_picture(data, limits), dtype=int) - original)
    assert np.percentile(difference, 99) <= 4


def test_tiff__more_bits_are_refused(limits: Limits) -> None:
    data = make_tiff("<", 32, np.zeros((4, 4, 3), dtype=np.uint32))
    floats = io.BytesIO()
    Image.new("F", (4, 4)).save(floats, "TIFF")

    for one in (data, floats.getvalue()):
        with pytest.raises(UnsupportedFormat, match="more than 16 bits"):
            inspect_picture(one, limits)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff__is_turned_once(pictures: Any, limits: Limits, orientation: int) -> None:
    turned = Image.Exif()
    turned[0x0112] = orientation
    data = pictures.encode(pictures.corners(40, 24), "TIFF", exif=turned)
    expected = decode_picture(pictures.encode(pictures.corners(40, 24), "PNG", exif=turned), limits)

    found = inspect_picture(data, limits)

    assert (found.width, found.height) == ((24, 40) if orientation >= 5 else (40, 24)) == expected.size
    assert farthest(decode_picture(data, limits), expected) == 0


def test_tiff__pages_are_frames(pictures: Any, limits: Limits) -> None:
    data = pictures.encode(
        pictures.corners(), "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9), "red")] * 4
    )

    assert inspect_picture(data, limits).frames == 5
    assert farthest(decode_picture(data, limits), pictures.corners()) == 0
    with pytest.raises(TooManyPixels):
        inspect_picture(data, replace(limits, max_frames=4))


def test_tiff__cut(limits: Limits) -> None:
    data = make_tiff("<", 8, np.zeros((40, 40, 3), dtype=np.uint8))
    compressed = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, size=(40, 40, 3), dtype=np.uint8)).save(
        compressed, "TIFF", compression="tiff_lzw"
    )
    for whole in (data, compressed.getvalue()):
        for part in (0.1, 0.5, 0.9):
            with pytest.raises(ImageTruncated):
                inspect_picture(whole[: int(len(whole) * part)], limits)


def test_tiff__directories_in_a_circle(limits: Limits) -> None:
    data = bytearray(make_tiff("<", 8, np.zeros((4, 4, 3), dtype=np.uint8)))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, start)

    assert inspect_picture(bytes(data), limits).frames == 1


def test_tiff__metadata_and_place(limits: Limits) -> None:
    """Its directories are behind the pixels, further on than other files are searched."""
    large = np.random.default_rng(1).integers(0, 255, size=(700, 700, 3), dtype=np.uint8)
    described = (0x010E, 2, b"Described\0")
    place_at = len(make_tiff("<", 8, large, described, (0x8825, 4, [0])))
    place = [(1, 2, b"N\0"), (2, 5, [52, 30, 0]), (3, 2, b"E\0"), (4, 5, [13, 24, 0])]
    data = make_tiff("<", 8, large, described, (0x8825, 4, [place_at])) + directory("<", place_at, place)

    assert read_metadata(data, limits).text.caption == "Described"
    assert read_metadata(data, limits).exif["latitude_degrees"] == 52.5
    assert says_place(data)
    assert not says_place(make_tiff("<", 8, large, described))


def test_says_place__of_another_page_of_a_tiff_too() -> None:
    data = bytearray(make_tiff("<", 8, np.zeros((4, 4, 3), dtype=np.uint8)))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, len(data))
    second = directory("<", len(data), [(256, 4, [1]), (257, 4, [1]), (0x8825, 4, [8])])

    assert says_place(bytes(data) + second)
    assert not says_place(bytes(data) + second.replace(b"\x25\x88", b"\x26\x88"))


def test_tiff__unless_switched_off(pictures: Any, limits: Limits) -> None:
    with pytest.raises(UnsupportedFormat, match="MEDIACLUSTER_ENABLE_TIFF"):
        inspect_picture(pictures.encode(pictures.corners(), "TIFF"), replace(limits, enable_tiff=False))


# --- raw ---


def make_raw(preview: bytes, *, make: bytes = b"Maker\0", dng: bool = True, orientation: int = 1) -> bytes:
    """A raw picture after DNG: a preview in the first directory, 16 bits of a color filter in a further one."""
    width, height = 64, 48
    pixels = np.full((height, width), 2000, dtype="<u2").tobytes()
    data = b"II*\0\0\0\0\0" + preview + bytes(len(preview) % 2)
    pixels_at = len(data)
    data += pixels
    raw_at = len(data)
    data += directory("<", raw_at, [
        (254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803]),
        (273, 4, [pixels_at]), (277, 3, [1]), (278, 4, [height]), (279, 4, [len(pixels)]), (33421, 3, [2, 2]),
        (33422, 1, bytes([0, 1, 1, 2])), (50714, 3, [0]), (50717, 4, [4095]),
    ])  # fmt: skip
    first_at = len(data)
    entries = [
        (254, 4, [1]), (256, 4, [640]), (257, 4, [480]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]),
        (271, 2, make), (272, 2, b"Model\0"), (273, 4, [8]), (274, 3, [orientation]), (277, 3, [3]), (278, 4, [480]),
        (279, 4, [len(preview)]), (306, 2, b"2024:05:01 12:30:00\0"), (330, 4, [raw_at]),
    ]  # fmt: skip
    if dng:
        entries += [(50706, 1, bytes([1, 4, 0, 0])), (50708, 2, b"Maker Model\0")]
    data += directory("<", first_at, entries)
    return data[:4] + struct.pack("<I", first_at) + data[8:]


@pytest.fixture
def preview(pictures: Any) -> bytes:
    photo = Image.open(io.BytesIO(pictures.photograph("coffee.png"))).convert("RGB").resize((640, 480))
    return bytes(pictures.encode(photo, quality=92))


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (make_raw(b"\xff\xd8" * 20), "DNG"),
        (make_raw(b"\xff\xd8" * 20, make=b"NIKON CORPORATION\0", dng=False), "NEF"),
        (make_raw(b"\xff\xd8" * 20, make=b"SONY\0", dng=False), "ARW"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(100), "CR2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100), "CR3"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(100), "RAF"),
        (b"IIRO\x08\0\0\0" + bytes(100), "ORF"),
    ],
)
def test_raw__is_told_by_its_content(monkeypatch: pytest.MonkeyPatch, limits: Limits, data: bytes, title: str) -> None:
    (found,) = [one.title for one in FORMATS if one.is_in(data)]
    assert found == title
    assert says_place(data)
    monkeypatch.setattr(formats, "_is_installed", lambda _: False)
    with pytest.raises(UnsupportedFormat, match=rf"an? {title} picture.*mediacluster\[raw\]"):
        identify_format(data, limits)


def test_raw__of_an_unknown_maker_is_no_tiff(monkeypatch: pytest.MonkeyPatch, limits: Limits) -> None:
    with pytest.raises(UnsupportedFormat, match="raw picture of a kind that is not known"):
        identify_format(make_raw(b"\xff\xd8" * 20, make=b"Nobody\0", dng=False), limits)


@pytest.mark.parametrize("orientation", [1, 6])
def test_raw__is_its_preview(limits: Limits, preview: bytes, orientation: int) -> None:
    pytest.importorskip("rawpy", reason="needs the extra raw")
    data = make_raw(preview, orientation=orientation)

    found = inspect_picture(data, limits)

    assert (found.mime, found.extension) == ("image/x-adobe-dng", "dng")
    assert (found.width, found.height) == ((640, 480) if orientation == 1 else (480, 640))
    assert found.byte_size == len(data)
    shown: Image.Image = Image.open(io.BytesIO(preview))
    if orientation == 6:
        shown = shown.transpose(Image.Transpose.ROTATE_270)
    assert farthest(decode_picture(data, limits), shown) == 0
    assert decode_picture(data, limits, at_least=60).size == (found.width // 4, found.height // 4)
    metadata = read_metadata(data, limits)
    assert (metadata.exif["make"], metadata.exif["model"]) == ("Maker", "Model")


def test_raw__limits_of_a_jpeg_hold_for_its_preview(pictures: Any, limits: Limits) -> None:
    pytest.importorskip("rawpy", reason="needs the extra raw")
    preview = bytearray(pictures.encode(pictures.corners(), progressive=True, subsampling=0))
    at = preview.index(b"\xff\xc2")
    preview[at + 5 : at + 9] = struct.pack(">HH", 12_240, 16_320)

    with pytest.raises(TooManyPixels, match="progressive"):
        inspect_picture(make_raw(bytes(preview)), replace(limits, max_pixels=268_000_000))


def test_raw__without_a_preview_or_cut(limits: Limits, preview: bytes) -> None:
    pytest.importorskip("rawpy", reason="needs the extra raw")
    whole = make_raw(preview)

    for data in (whole[: len(whole) // 3], b"II*\0\x10\0\0\0CR\2\0" + bytes(200), b"FUJIFILMCCD-RAW 0201" + bytes(300)):
        with pytest.raises((ImageCorrupt, ImageTruncated, UnsupportedFormat)):
            inspect_picture(data, limits)
