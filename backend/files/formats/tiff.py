"""TIFF, and the raw formats of cameras, of which most are TIFFs: how they are told apart, and whether a TIFF is whole."""

import struct
from collections.abc import Iterator
from typing import Final

from backend.errors import ImageCorrupt, ImageTruncated, UnsupportedFormat

_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY_BYTES: Final = 12
_INLINE_BYTES: Final = 4
_VALUE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_UNITS: Final = {3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}
# So many values of an entry are read: strips or tiles of a page.
_MOST_VALUES: Final = 1_000_000
_MOST_DIRECTORIES: Final = 8
# Of one directory; no more are read.
MOST_ENTRIES: Final = 4096

_BITS, _PHOTOMETRIC, _MAKE, _SAMPLE_FORMAT = 258, 262, 271, 339
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_SUB_DIRECTORIES, _DNG_VERSION = 330, 50706
_MOST_BITS: Final = 16
_FLOATS: Final = 3
# Color filter array, linear raw.
_RAW_PHOTOMETRICS: Final = frozenset({32803, 34892})

# No other values are read: each of 65,535 entries may name a million.
_READ: Final = frozenset({
    _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT, _STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES, _SUB_DIRECTORIES,
    _DNG_VERSION,
})  # fmt: skip

Tags = dict[int, tuple[int, ...]]


def is_tiff(data: bytes) -> bool:
    return data[:4] in _ORDERS and find_raw_maker(data) is None


def find_raw_maker(data: bytes) -> str | None:
    """The maker of a raw picture that is a TIFF: 'dng', 'canon', or its name in lower case; None for other files."""
    if data[:4] not in _ORDERS:
        return None
    if data[8:10] == b"CR":
        return "canon"
    waiting, maker = [_first_directory(data)], ""
    for _ in range(_MOST_DIRECTORIES):
        if not waiting:
            return None
        position = waiting.pop(0)
        tags = _read_directory(data, position)
        if _DNG_VERSION in tags:
            return "dng"
        maker = maker or _read_text(data, position, _MAKE)
        if maker and set(tags.get(_PHOTOMETRIC, ())) & _RAW_PHOTOMETRICS:
            return maker.split()[0].lower()
        waiting += tags.get(_SUB_DIRECTORIES, ())[:_MOST_DIRECTORIES]
    return None


def walk_tiff(data: bytes, max_frames: int) -> int:
    """Count pages, and check that the pixels of the first are in the file, with up to 16 bits a sample."""
    position, frames = _first_directory(data), 0
    seen: set[int] = set()
    while position and position not in seen and frames <= max_frames:
        seen.add(position)
        if position + 2 > len(data):
            if frames:
                break
            raise _cut()
        if not frames:
            _check_page(data, _read_directory(data, position))
        frames += 1
        position = _next_directory(data, position)
    if not frames:
        raise ImageCorrupt("The TIFF has no page.")
    return frames


def _check_page(data: bytes, tags: Tags) -> None:
    if max(tags.get(_BITS, (1,)), default=1) > _MOST_BITS or _FLOATS in tags.get(_SAMPLE_FORMAT, ()):
        raise UnsupportedFormat(
            "The TIFF has more than 16 bits a sample.", hint="Save it with 8 or 16 bits, or convert it to JPEG."
        )
    offsets = tags.get(_STRIP_OFFSETS) or tags.get(_TILE_OFFSETS) or ()
    sizes = tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or (0,) * len(offsets)
    if any(offset + size > len(data) for offset, size in zip(offsets, sizes, strict=False)):
        raise _cut()


def _first_directory(data: bytes) -> int:
    if len(data) < 8:
        return 0
    return int(struct.unpack_from(f"{_ORDERS[data[:4]]}I", data, 4)[0])


def measure_directory(data: bytes) -> tuple[int, int]:
    """The number of entries in the first directory, and how many bytes their values have in all."""
    entries = list(_entries(data, _first_directory(data)))
    return len(entries), sum(values * _VALUE_BYTES.get(kind, 1) for _, kind, values, _ in entries)


def read_tiff_value(data: bytes, tag: int) -> bytes:
    """The bytes of a tag in the first directory of a TIFF, whatever their declared type; b'' if it is not there or not whole."""
    if data[:4] not in _ORDERS:
        return b""
    for found, kind, values, at in _entries(data, _first_directory(data)):
        size = values * _VALUE_BYTES.get(kind, 1)
        if found == tag:
            return data[at : at + size] if at + size <= len(data) else b""
    return b""


def _entries(data: bytes, position: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type, number of values and position of the values of each entry."""
    order = _ORDERS[data[:4]]
    if position + 2 > len(data):
        return
    (count,) = struct.unpack_from(f"{order}H", data, position)
    for number in range(min(count, MOST_ENTRIES + 1)):
        at = position + 2 + number * _ENTRY_BYTES
        if at + _ENTRY_BYTES > len(data):
            return
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, at)
        size = values * _VALUE_BYTES.get(kind, 8)
        yield tag, kind, values, at + 8 if size <= _INLINE_BYTES else struct.unpack_from(f"{order}I", data, at + 8)[0]


def _read_directory(data: bytes, position: int) -> Tags:
    """The whole numbers of a directory by the tags in `_READ` (bytes count as none)."""
    order = _ORDERS[data[:4]]
    tags: Tags = {}
    for tag, kind, values, at in _entries(data, position):
        if tag not in _READ or tag in tags:
            continue
        letter, size = _UNITS.get(kind, ("", 0))
        is_there = letter and values <= _MOST_VALUES and at + values * size <= len(data)
        tags[tag] = struct.unpack_from(f"{order}{values}{letter}", data, at) if is_there else ()
    return tags


def _next_directory(data: bytes, position: int) -> int:
    """The position of the directory after one; 0 if there is none."""
    order = _ORDERS[data[:4]]
    count = struct.unpack_from(f"{order}H", data, position)[0] if position + 2 <= len(data) else 0
    following = position + 2 + count * _ENTRY_BYTES
    return int(struct.unpack_from(f"{order}I", data, following)[0]) if following + 4 <= len(data) else 0


def _read_text(data: bytes, position: int, tag: int) -> str:
    for found, _, values, at in _entries(data, position):
        if found == tag:
            return data[at : at + min(values, 100)].split(b"\0")[0].decode("latin-1").strip()
    return ""


def _cut() -> ImageTruncated:
    return ImageTruncated("The TIFF is cut off: the file ends before the picture does.", hint="Send the complete file.")
