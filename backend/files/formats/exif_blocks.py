"""EXIF blocks over their limit: the longest values are left out, such as notes of the camera maker or an embedded preview."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from PIL import Image

from backend.files.formats.structure import unpack_raw_profile

_PREFIX: Final = b"Exif\0\0"
_RAW_PROFILES: Final = ("Raw profile type exif", "Raw profile type APP1")
_HEADER_BYTES: Final = 8
_ENTRY_BYTES: Final = 12
_INLINE_BYTES: Final = 4
# Photo, place, interoperability.
_POINTERS: Final = frozenset({0x8769, 0x8825, 0xA005})
_MOST_DIRECTORIES: Final = 8
# By the number of a type: byte, text, short, long, rational, and so on.
_UNIT_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}


def bound_exif(image: Image.Image, most_bytes: int) -> int:
    """Bound the EXIF block of an opened picture; returns how many bytes it had. Call it before the block is read."""
    block = find_exif_block(image)
    if len(block) > most_bytes:
        image.info["exif"] = _trim(block, most_bytes)
    return len(block)


def find_exif_block(image: Image.Image) -> bytes:
    """The EXIF block of an opened picture; empty if it has none, or it comes after the pixels."""
    block = image.info.get("exif")
    if isinstance(block, bytes) and block:
        return block
    # ImageMagick and exiftool write EXIF into a PNG as text. APP1 is also the segment of XMP.
    for name in _RAW_PROFILES:
        with suppress(ValueError):
            profile = unpack_raw_profile(str(image.info.get(name, "")))
            if profile.startswith((_PREFIX, b"II", b"MM")):
                return profile
    return b""


def _trim(block: bytes, most_bytes: int) -> bytes:
    """Empty the longest values of a block until the others fit. Of one that cannot be read, nothing is left."""
    start = len(_PREFIX) if block.startswith(_PREFIX) else 0
    order = {b"II": "<", b"MM": ">"}.get(block[start : start + 2])
    if order is None:
        return b""
    trimmed = bytearray(block)
    values = sorted(_long_values(block, start, order), reverse=True)
    left = sum(size for size, _ in values)
    for size, position in values:
        if left <= most_bytes:
            break
        trimmed[position + 4 : position + 8] = bytes(4)  # of none, so readers skip it
        left -= size
    return bytes(trimmed)


def _long_values(block: bytes, start: int, order: str) -> Iterator[tuple[int, int]]:
    """Yield size and position of each entry whose value is not in the entry itself."""
    waiting = [struct.unpack_from(f"{order}I", block.ljust(_HEADER_BYTES + start, b"\0"), start + 4)[0]]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        directory = start + waiting.pop()
        if directory in seen or directory + 2 > len(block):
            continue
        seen.add(directory)
        (count,) = struct.unpack_from(f"{order}H", block, directory)
        for number in range(count):
            position = directory + 2 + number * _ENTRY_BYTES
            if position + _ENTRY_BYTES > len(block):
                break
            tag, kind, values, offset = struct.unpack_from(f"{order}HHII", block, position)
            if tag in _POINTERS:
                waiting.append(offset)
            elif (size := values * _UNIT_BYTES.get(kind, 1)) > _INLINE_BYTES:
                yield size, position
