"""Bounds on the number of blocks in a container, checked before anything else reads the file.

Readers take about a microsecond for each block, and a small file can hold millions of empty ones. Real files have a thousandth of
what is allowed here. Each check stops at its bound, so it takes milliseconds for any file. All raise ImageCorrupt.
"""

from typing import Final

from backend.errors import ImageCorrupt
from backend.files.formats.jpeg import list_markers
from backend.files.formats.structure import iso_boxes
from backend.files.formats.tiff import MOST_ENTRIES, measure_directory

_MOST_BLOCKS: Final = 65_536
# A GIF of 120 MB has that many, each of 255 bytes. Those of comments and other extensions are joined one by one by Pillow.
_MOST_SUB_BLOCKS: Final = 500_000
_MOST_EXTENSION_SUB_BLOCKS: Final = 8192
_MOST_SEGMENTS: Final = 20_000
# Between the segments of a JPEG there should be nothing. Pillow skips what is there byte by byte.
_MOST_JUNK_BYTES: Final = 65_536
_MOST_BOXES: Final = 20_000
# Boxes that contain boxes, and how many bytes come before these.
_ISO_PARENTS: Final = {
    b"meta": 4,
    b"iprp": 0,
    b"ipco": 0,
    b"iinf": 6,
    b"iref": 4,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
}
_SOS: Final = 0xDA
_GIF_EXTENSION: Final = b"\x21"
_GIF_IMAGE: Final = b"\x2c"
_HINT: Final = "Save the picture again with another program and send the copy."


def bound_jpeg(data: bytes) -> None:
    """At most 20,000 segments, and 64 KiB between those before the pixels."""
    junk_bytes, following, is_header = 0, 2, True
    for count, (marker, start, end) in enumerate(list_markers(data), 1):
        if count > _MOST_SEGMENTS:
            raise _too_many("JPEG", f"{_MOST_SEGMENTS:,} segments")
        junk_bytes += start - following if is_header else 0
        if junk_bytes > _MOST_JUNK_BYTES:
            raise ImageCorrupt(f"The JPEG has more than {_MOST_JUNK_BYTES:,} bytes between its segments.", hint=_HINT)
        is_header = is_header and marker != _SOS
        following = end


def bound_png(data: bytes) -> None:
    """At most 65,536 chunks."""
    position = 8
    for _ in range(_MOST_BLOCKS):
        if position + 12 > len(data):
            return
        position += 12 + int.from_bytes(data[position : position + 4])
    if position + 12 <= len(data):
        raise _too_many("PNG", f"{_MOST_BLOCKS:,} chunks")


def bound_webp(data: bytes) -> None:
    """At most 65,536 chunks, also within frames."""
    end = min(8 + int.from_bytes(data[4:8], "little"), len(data))
    count, position = 0, 12
    while position + 8 <= end:
        count += 1
        if count > _MOST_BLOCKS:
            raise _too_many("WebP", f"{_MOST_BLOCKS:,} chunks")
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        # A frame begins with 16 bytes about it; its chunks follow.
        position += 8 + (16 if data[position : position + 4] == b"ANMF" else size + (size & 1))


def bound_gif(data: bytes) -> None:
    """At most 65,536 blocks, 500,000 sub-blocks of pixels and 8,192 of extensions."""
    blocks, left = 0, {_GIF_IMAGE: _MOST_SUB_BLOCKS, _GIF_EXTENSION: _MOST_EXTENSION_SUB_BLOCKS}
    position = 13 + _table_bytes(data[10:11])
    while (introducer := data[position : position + 1]) in left:
        blocks += 1
        if blocks > _MOST_BLOCKS:
            raise _too_many("GIF", f"{_MOST_BLOCKS:,} blocks")
        is_image = introducer == _GIF_IMAGE
        position += 11 + _table_bytes(data[position + 9 : position + 10]) if is_image else 2
        while position < len(data) and (size := data[position]):
            position += size + 1
            left[introducer] -= 1
            if left[introducer] < 0:
                raise _too_many("GIF", f"{_MOST_SUB_BLOCKS if is_image else _MOST_EXTENSION_SUB_BLOCKS:,} sub-blocks")
        position += 1


def bound_iso(data: bytes) -> None:
    """At most 20,000 boxes, in all that contain others."""
    regions = [(0, len(data))]
    count = 0
    while regions:
        for kind, start, end in iso_boxes(data, *regions.pop()):
            count += 1
            if count > _MOST_BOXES:
                raise _too_many("picture", f"{_MOST_BOXES:,} boxes")
            if kind in _ISO_PARENTS:
                regions.append((start + _ISO_PARENTS[kind], end))


def bound_tiff(data: bytes) -> None:
    """At most 4,096 entries in the first directory, whose values are in all no larger than the file."""
    entries, value_bytes = measure_directory(data)
    if entries > MOST_ENTRIES:
        raise _too_many("TIFF", f"{MOST_ENTRIES:,} entries")
    if value_bytes > len(data):
        raise ImageCorrupt("The TIFF is damaged: its values are larger than the file.", hint=_HINT)


def _table_bytes(flags: bytes) -> int:
    return 3 * (2 << (flags[0] & 7)) if flags and flags[0] & 0x80 else 0


def _too_many(title: str, what: str) -> ImageCorrupt:
    return ImageCorrupt(f"The {title} has more than {what}, which no program writes.", hint=_HINT)
