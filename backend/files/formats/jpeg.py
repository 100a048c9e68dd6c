"""Is a JPEG whole? Where the markers of its file tell, no pixel has to be decoded."""

import re
from typing import Final

from backend.errors import ImageCorrupt

_END: Final = b"\xff\xd9"
_START_OF_SCAN: Final = b"\xff\xda"
_SOS, _EOI = 0xDA, 0xD9
# Huffman-coded frames whose pixels can lie in one scan: baseline and extended sequential.
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
# Without a length behind them: TEM, restarts, SOI.
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
# What ends pixel data. FF 00 is a byte of theirs, D0 to D7 are restarts, and FF may be repeated before any marker.
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_FRAME_COMPONENTS_AT: Final = 9
_SCAN_COMPONENTS_AT: Final = 4
# Enough for the decoder to look at all tables and begin.
_BEGINNING_BYTES: Final = 4096
# A progressive JPEG of ten-byte scans would keep the decoder busy for hours; real ones have about ten.
_MOST_SCANS: Final = 500
_TAIL_BYTES: Final = 64


def shorten_jpeg(data: bytes) -> bytes:
    """Copy a JPEG with only the beginning of its pixel data, if the rest needs no decoding to be judged; `data` itself otherwise.

    A decoder refuses sequential pixel data for two reasons only: tables that make no sense, which it says when it begins, and an
    end that does not come. Whatever lies between is pixels to it, damaged or not. So where the one scan of a picture ends with
    the marker that ends the file, the shortened copy is refused exactly if the whole would be.
    """
    start = _start_of_pixels(data)
    end = start and _MARKER.search(data, start)
    if not end or data[end.end() - 1] != _EOI:
        return data
    return data[: min(start + _BEGINNING_BYTES, end.start())] + _END


def check_scans(data: bytes) -> None:
    """Raise ImageCorrupt where there are more scans than any camera or editor writes."""
    if data.count(_START_OF_SCAN) > _MOST_SCANS:
        raise ImageCorrupt(f"The JPEG has more than {_MOST_SCANS} scans, which no camera or editor writes.")


def ends_like_jpeg(data: bytes) -> bool:
    """Tell whether a JPEG still has its end, so that a failure to read it is damage and not a cut."""
    return _END in data[-_TAIL_BYTES:]


def _start_of_pixels(data: bytes) -> int:
    """Where the pixel data of a sequential JPEG begin whose components all come in the first scan; 0 for all else."""
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
