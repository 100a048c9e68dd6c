"""Files of millions of empty blocks are refused before anything reads them block by block."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from backend.errors import ImageCorrupt
from backend.files.decoding import inspect_picture
from backend.files.formats import identify_format, mend_picture
from tests.support.limits import make_limits

_FILE_BYTES = 24 * 1024 * 1024
LIMITS = make_limits(enable_tiff=True)


def _picture(name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 10, 10)).save(buffer, name, **options)
    return buffer.getvalue()


def _insert(data: bytes, position: int, unit: bytes, count: int | None = None) -> bytes:
    count = (_FILE_BYTES - len(data)) // len(unit) if count is None else count
    return data[:position] + unit * count + data[position:]


def _chunk(kind: bytes) -> bytes:
    return bytes(4) + kind + struct.pack(">I", zlib.crc32(kind))


def _png(kind: bytes, before: bytes) -> bytes:
    data = _picture("PNG")
    return _insert(data, data.index(before) - 4, _chunk(kind))


def _gif(unit: bytes, begin: bytes = b"", end: bytes = b"") -> bytes:
    data = _picture("GIF")
    position = 13 + 3 * (2 << (data[10] & 7))
    return data[:position] + _insert(begin + end, len(begin), unit) + data[position:]


def _gif_pixels() -> bytes:
    """One byte in each sub-block."""
    data = _picture("GIF")
    return _insert(data, data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7))) + 11, b"\x01\x00")


def _jpeg(unit: bytes, **options: Any) -> bytes:
    data = _picture("JPEG", **options)
    return _insert(data, 20, unit)


def _jpeg_between_scans() -> bytes:
    data = _picture("JPEG", progressive=True)
    return _insert(data, data.index(b"\xff\xda", data.index(b"\xff\xda") + 2), b"\xff\xfe\0\x02")


def _webp(unit: bytes) -> bytes:
    body = _insert(_picture("WEBP")[8:], 4, unit)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_frames() -> bytes:
    """Chunks within a frame."""
    inner = (b"JUNK" + bytes(4)) * 1_000_000
    return _webp_with(b"ANMF" + struct.pack("<I", 16 + len(inner)) + bytes(16) + inner)


def _webp_with(chunk: bytes) -> bytes:
    body = _picture("WEBP")[8:] + chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _iso(name: str, place: str) -> bytes:
    data, unit = _picture(name), struct.pack(">I4s", 8, b"free")
    first = int.from_bytes(data[:4])
    if place == "end":
        return _insert(data, len(data), unit)
    if place == "front":
        return _insert(data, first, unit)
    meta = int.from_bytes(data[first : first + 4])
    inner = unit * 1_000_000
    return (
        data[:first]
        + struct.pack(">I", meta + len(inner))
        + data[first + 4 : first + meta]
        + inner
        + data[first + meta :]
    )


def _tiff(count: int, values: int) -> bytes:
    """Entries that all name the same values."""
    at = 8 + 2 + 12 * count + 4
    entries = b"".join(struct.pack("<HHII", 1000 + number, 4, values, at) for number in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4 + 4 * values)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "png-texts": lambda: _png(b"teSt", b"IDAT"),
    "png-pixels": lambda: _png(b"IDAT", b"IDAT"),
    "gif-comments": lambda: _gif(b"\x21\xfe\0"),
    "gif-sub-blocks": lambda: _gif(b"\x01a", b"\x21\xfe", b"\0"),
    "gif-pixels": _gif_pixels,
    "jpeg-comments": lambda: _jpeg(b"\xff\xfe\0\x02"),
    "jpeg-junk": lambda: _jpeg(b"\0"),
    "jpeg-padding": lambda: _jpeg(b"\xff"),
    "jpeg-bare-markers": lambda: _jpeg(b"\xff\x01"),
    "jpeg-between-scans": _jpeg_between_scans,
    "webp-chunks": lambda: _webp(b"JUNK" + bytes(4)),
    "webp-in-a-frame": _webp_frames,
    "avif-end": lambda: _iso("AVIF", "end"),
    "avif-front": lambda: _iso("AVIF", "front"),
    "avif-meta": lambda: _iso("AVIF", "meta"),
    "tiff-entries": lambda: _tiff(30_000, 1_000_000),
    "tiff-values": lambda: _tiff(4000, 1_000_000),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_mend__refuses_more_blocks_than_any_program_writes(kind: str) -> None:
    data = HOSTILE[kind]()
    with pytest.raises(ImageCorrupt, match=r"more than [\d,]+ |larger than the file"):
        mend_picture(data, identify_format(data, LIMITS), LIMITS)


def test_mend__accepts_as_many_blocks_as_large_files_have() -> None:
    """Forty megabytes of pixels in chunks of 8 KB, and metadata in hundreds of segments."""
    png, jpeg = _picture("PNG"), _picture("JPEG")
    for data in (
        _insert(png, png.index(b"IDAT") - 4, _chunk(b"teSt"), 5000),
        _insert(jpeg, 20, b"\xff\xfe\xff\xff" + bytes(0xFFFD), 300),
        _webp_with((b"JUNK" + bytes(4)) * 5000),
        _tiff_of_strips(),
    ):
        inspect_picture(data, LIMITS)


def _tiff_of_strips() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 4000)).save(buffer, "TIFF", tiffinfo={278: 1})
    return buffer.getvalue()
