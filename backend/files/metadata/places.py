"""Detection of coordinates in picture files, wherever a file can hold them. Unreadable parts count as containing some, and so do
files of a format that this module does not know.

It searches EXIF (also of embedded pictures, and in a PNG's eXIf chunk or "raw profile"), XMP (plain, UTF-16, compressed
in a PNG, over several segments of a JPEG, in the blocks of a GIF), and the video of a motion photo.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Any, Final, Literal

from PIL import ExifTags, Image

from backend.errors import InputError
from backend.files.formats import (
    AVIF,
    GIF,
    HEIF,
    JPEG,
    PNG,
    TIFF,
    WEBP,
    gif_extensions,
    png_chunks,
    unpack_raw_profile,
)

PLACE_NAMES: Final = ("latitude_degrees", "longitude_degrees", "altitude_meters")
"""The coordinates in the `exif` of a picture. Only admins see values under these names; the readers use no others."""

# The spellings of Adobe and of DJI drones, which also write Longtitude; and the namespace of W3C's geo:lat.
_XMP_NAMES: Final = ("GPSLat", "GPSLong", "GPSDestL", "GpsLat", "GpsLong", "2003/01/geo/wgs84_pos#")
# XML may be in UTF-8, UTF-16 or UTF-32, of either byte order.
_XMP_MARKS: Final = tuple(padding.join(name).encode() for name in _XMP_NAMES for padding in ("", "\0", "\0\0\0"))
# A position in the atoms of MP4 and QuickTime: ISO 6709 after a length and a language, or the key that names it.
_VIDEO_PLACE: Final = re.compile(rb"\xa9xyz.{4}[+-]\d|loci\0\0\0\0|location\.ISO6709", re.DOTALL)

_TIFF_HEADER: Final = re.compile(rb"II\*\0|MM\0\*")
_MAX_EXIF_BYTES: Final = 1024 * 1024
_MAX_EXIF_BLOCKS: Final = 64
_SEARCHED_BYTES: Final = 65_000  # the first segment of a JPEG, which is a little shorter than 64 KiB
_ENTRY_BYTES: Final = 12
_POSITION_BYTES: Final = 24  # three fractions
_GPS_POINTERS: Final = (b"\x25\x88\x04\x00", b"\x88\x25\x00\x04")
_POSITIONS: Final = (
    ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSDestLatitude, ExifTags.GPS.GPSDestLongitude
)  # fmt: skip

_EXTENDED_XMP: Final = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENDED_XMP_HEADER_BYTES: Final = len(_EXTENDED_XMP) + 40  # and the digest, the length of the whole, the offset
_RAW_PROFILE: Final = b"Raw profile type "
# Their metadata is neither packed nor split, so the search through the raw bytes finds it. Raw pictures are none of these:
# makers write coordinates in ways of their own.
_SEARCHED_AS_THEY_ARE: Final = (WEBP, HEIF, AVIF, TIFF)
_MAX_TEXT_BYTES: Final = 1024 * 1024
_LONGEST_INFLATION: Final = 64 * 1024 * 1024


class _Unsearchable(Exception):
    """The file is of a format that is not known here, or has more compressed text than is searched."""


def says_place(original: bytes) -> bool:
    """Whether a picture file contains coordinates, or may contain some in an unreadable part."""
    try:
        return _holds_coordinates(original) or any(_holds_coordinates(text) for text in _hidden_texts(original))
    except _Unsearchable:
        return True


def _holds_coordinates(data: bytes) -> bool:
    if any(mark in data for mark in _XMP_MARKS) or _VIDEO_PLACE.search(data):
        return True
    blocks = [found.start() for found, _ in zip(_TIFF_HEADER.finditer(data), range(_MAX_EXIF_BLOCKS + 1), strict=False)]
    return len(blocks) > _MAX_EXIF_BLOCKS or any(
        _exif_has_position(data[at : at + _MAX_EXIF_BYTES]) or _points_beyond(data, at)
        if at
        else _exif_has_position(data, is_file=True)
        for at in blocks
    )


def _points_beyond(data: bytes, at: int) -> bool:
    """Whether the block at this place may have a position further from its begin than is searched. In a JPEG the rest of a
    large block is in other segments, so it is not followed."""
    order: Literal["little", "big"] = "little" if data[at : at + 2] == b"II" else "big"

    def number(offset: int, size: int = 4) -> int:
        return int.from_bytes(data[at + offset : at + offset + size], order)

    def is_beyond(offset: int) -> bool:
        return _SEARCHED_BYTES - _POSITION_BYTES < offset <= len(data) - at

    def entries(directory: int) -> Iterator[tuple[int, int]]:
        """The tag and the value of each entry, as far as is searched."""
        first = directory + 2
        last = min(first + number(directory, 2) * _ENTRY_BYTES, _SEARCHED_BYTES)
        for entry in range(first, last, _ENTRY_BYTES):
            yield number(entry, 2), number(entry + 8)

    directory = number(4)
    pointers = [value for tag, value in entries(directory) if tag == ExifTags.IFD.GPSInfo]
    positions = [value for pointer in pointers for tag, value in entries(pointer) if tag in _POSITIONS]
    return any(map(is_beyond, (directory, *pointers, *positions)))


def _exif_has_position(block: bytes, *, is_file: bool = False) -> bool:
    """Whether a block of EXIF contains coordinates. `is_file`: it is a whole TIFF, with directories anywhere."""
    if not any(pointer in block for pointer in _GPS_POINTERS):
        return False
    exif = Image.Exif()
    try:
        exif.load(block)
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        # They are damaged, further on than this block is read, or those of another page.
        if not gps and (is_file or ExifTags.Base.GPSInfo in exif):
            return True
        return any(_is_set(gps.get(tag)) for tag in _POSITIONS)
    except Exception:  # noqa: BLE001 - Pillow raises a dozen types on a broken block that other readers may understand
        return True


def _is_set(value: Any) -> bool:
    """Whether a coordinate is set. Many cameras write zeros or 0/0 while they have no GPS fix."""
    parts = value if isinstance(value, tuple) else (value,)
    return any(part is not None and abs(float(part)) > 0 for part in parts)


def _hidden_texts(original: bytes) -> Iterator[bytes]:
    """Yield text that a search through the raw bytes does not find."""
    if PNG.is_in(original):
        yield from _png_texts(original)
    elif GIF.is_in(original):
        yield from gif_extensions(original)
    elif JPEG.is_in(original):
        yield join_extended_xmp(original)
    elif not any(one.is_in(original) for one in _SEARCHED_AS_THEY_ARE):
        raise _Unsearchable


def _png_texts(original: bytes) -> Iterator[bytes]:
    room = _LONGEST_INFLATION
    try:
        for chunk in png_chunks(original):
            if chunk.kind not in {b"tEXt", b"zTXt", b"iTXt"}:
                continue
            keyword, _, rest = original[chunk.start + 8 : chunk.end - 4].partition(b"\0")
            text = _png_text(chunk.kind, rest)
            room -= len(text)
            if room < 0:
                raise _Unsearchable
            yield _unhexed(text) if keyword.startswith(_RAW_PROFILE) else text
    except InputError:  # damaged from here on, so other readers stop here too
        return


def _png_text(kind: bytes, rest: bytes) -> bytes:
    """The text of a chunk. `rest` is the part after its keyword."""
    if kind == b"zTXt":  # method, text
        return _inflated(rest[1:])
    if kind == b"iTXt":  # flag, method, language, translated keyword, text
        text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        return _inflated(text) if rest[:1] == b"\1" else text
    return rest


def _inflated(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(packed, _MAX_TEXT_BYTES)
    except zlib.error:
        return b""
    if stream.unconsumed_tail:
        raise _Unsearchable
    return text


def _unhexed(profile: bytes) -> bytes:
    try:
        return unpack_raw_profile(profile.decode("ascii"))
    except ValueError:
        return profile


def join_extended_xmp(original: bytes) -> bytes:
    """Join the parts of an XMP packet that is longer than a segment."""
    parts = []
    at = original.find(_EXTENDED_XMP)
    while at != -1:
        end = at - 2 + int.from_bytes(original[at - 2 : at], "big")
        start = at + _EXTENDED_XMP_HEADER_BYTES
        parts.append((int.from_bytes(original[start - 4 : start], "big"), original[start:end]))
        at = original.find(_EXTENDED_XMP, at + 1)
    return b"".join(part for _, part in sorted(parts))
