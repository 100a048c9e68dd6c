"""JPEG XL: the size in its header, and the boxes around it. Pixels, EXIF and the color profile are read by a plugin of Pillow
(extra `jxl`), which decodes all of a picture while it opens it, so the size is judged here first.

ISO/IEC 18181-1, annex D.1 (SizeHeader), and 18181-2 (boxes).
"""

from collections.abc import Iterator
from typing import Final

from backend.errors import ImageCorrupt, ImageTruncated, TooManyPixels

_CODESTREAM: Final = b"\xff\x0a"
_CONTAINER: Final = b"\0\0\0\x0cJXL \r\n\x87\n"
MAGIC: Final = (_CODESTREAM, _CONTAINER)
"""How files begin, without and with boxes."""

_PACKED: Final = b"brob"
_MOST_BOXES: Final = 1000
_MOST_PIXELS: Final = 89_000_000
_HEADER_BYTES: Final = 16
# Bits of a side, by the two bits before it; and widths as parts of the height, by three bits.
_SIDE_BITS: Final = (9, 13, 18, 30)
_RATIOS: Final = (None, (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def walk_jpeg_xl(data: bytes, _max_frames: int) -> int:
    """Judge the size, and count one frame: the others of an animation are not decoded.

    Raises:
        ImageTruncated: the file ends before its size.
        TooManyPixels: it has more than are decoded at once.
    """
    width, height = read_size(data)
    if width * height > _MOST_PIXELS:
        raise TooManyPixels(
            f"The picture has {width * height:,} pixels; {_MOST_PIXELS:,} are allowed.", hint="Send a smaller version."
        )
    return 1


def read_size(data: bytes) -> tuple[int, int]:
    """Width and height as they are stored, before an orientation. Raises ImageTruncated."""
    header = _codestream(data)[:_HEADER_BYTES]
    if not header.startswith(_CODESTREAM):
        raise _cut() if len(header) < len(_CODESTREAM) else ImageCorrupt("The JPEG XL does not begin as one.")
    bits = _Bits(header[len(_CODESTREAM) :])
    is_small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if is_small else bits.take(_SIDE_BITS[bits.take(2)]) + 1

    height = side()
    ratio = _RATIOS[bits.take(3)]
    return (side() if ratio is None else height * ratio[0] // ratio[1]), height


def find_box(data: bytes, kind: bytes) -> bytes:
    """The content of the first box of a kind; b'' without one."""
    return next((content for name, content in _boxes(data) if name == kind), b"")


def packed_kinds(data: bytes) -> list[bytes]:
    """The kinds of the boxes that are compressed with Brotli, which nothing here unpacks."""
    return [content[:4] for name, content in _boxes(data) if name == _PACKED]


def _codestream(data: bytes) -> bytes:
    """The codestream, or its beginning: whole, in one box, or in parts after their numbers."""
    if not data.startswith(_CONTAINER):
        return data
    begin = b""
    for name, content in _boxes(data):
        if name == b"jxlc":
            return content
        if name == b"jxlp":
            begin += content[4 : 4 + _HEADER_BYTES]
        if len(begin) >= _HEADER_BYTES:
            break
    return begin


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(_CONTAINER):
        return
    position = 0
    for _ in range(_MOST_BOXES):
        size, name, head = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        end = position + size if size else len(data)
        if len(name) < len(_PACKED) or end < position + head:
            return
        yield name, data[position + head : end]
        position = end


class _Bits:
    """Reads numbers from the lowest bit of each byte on."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise _cut()
        self._left -= count
        taken = self._number & ((1 << count) - 1)
        self._number >>= count
        return taken


def _cut() -> ImageTruncated:
    return ImageTruncated("The JPEG XL is cut off: it ends before its size.", hint="Send the complete file.")
