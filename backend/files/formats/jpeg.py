"""Completeness check of JPEGs by their markers, without decoding pixels where possible."""

import re
from typing import Final

from backend.errors import ImageCorrupt

_END: Final = b"\xff\xd9"
_START_OF_SCAN: Final = b"\xff\xda"
_SOS, _EOI = 0xDA, 0xD9
# Huffman-coded frames whose pixels can be in one scan: baseline and extended sequential.
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
# Markers that no length follows: TEM, restarts, SOI.
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
# A marker that ends pixel data. FF 00 is a data byte, D0 to D7 are restarts, and FF may be repeated before a marker.
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_FRAME_COMPONENTS_AT: Final = 9
_SCAN_COMPONENTS_AT: Final = 4
# Enough for the decoder to check all tables and start.
_BEGINNING_BYTES: Final = 4096
# A progressive JPEG of ten-byte scans would keep the decoder busy for hours; real ones have about ten.
_MOST_SCANS: Final = 500
_TAIL_BYTES: Final = 64


def shorten_jpeg(data: bytes) -> bytes:
    """Copy a JPEG with only the beginning of its pixel data, if that suffices for the check; otherwise return `data`.

    A decoder rejects sequential pixel data for two reasons only: invalid tables, which it reports at the start, and a missing
    end. It accepts everything in between as pixels, damaged or not. So if the only scan of a picture ends with the marker that
    ends the file, the shortened copy is rejected exactly if the whole file would be.
    """
    start = _start_of_pixels(data)
    end = start and _MARKER.search(data, start)
    if not end or data[end.end() - 1] != _EOI:
        return data
    return data[: min(start + _BEGINNING_BYTES, end.start())] + _END


def check_scans(data: bytes) -> None:
    """Raise ImageCorrupt if there are more scans than any camera or editor writes."""
    if data.count(_START_OF_SCAN) > _MOST_SCANS:
        raise ImageCorrupt(f"The JPEG has more than {_MOST_SCANS} scans, which no camera or editor writes.")


def ends_like_jpeg(data: bytes) -> bool:
    """Whether a JPEG has its end marker, so that a failure to read it means damage and not truncation."""
    return _END in data[-_TAIL_BYTES:]


def _start_of_pixels(data: bytes) -> int:
    """The position of the pixel data of a sequential JPEG with all components in one scan; 0 for other JPEGs."""
    position, components = 2, 0
    try:
        while data[position] == 0xFF:
            marker = data[position + 1]
            if marker == 0xFF:
                position += 1
                continue
            if marker in _BARE:
                return 0
            if marker in _SEQUENTIAL:
                components = data[position + _FRAME_COMPONENTS_AT]
            following = position + 2 + int.from_bytes(data[position + 2 : position + 4])
            if marker == _SOS:
                return following if components and data[position + _SCAN_COMPONENTS_AT] == components else 0
            position = following
    except IndexError:
        pass
    return 0
