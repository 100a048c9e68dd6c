"""Completeness check of JPEGs by their markers, without decoding pixels where possible."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from backend.errors import ImageCorrupt, TooManyPixels

_END: Final = b"\xff\xd9"
_START_OF_SCAN: Final = b"\xff\xda"
_SOS, _EOI = 0xDA, 0xD9
# Huffman-coded frames whose pixels can be in one scan: baseline and extended sequential.
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
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
_LONG_RUN: Final = 64
_ZEROS: Final = bytes(_LONG_RUN)
_MEBIBYTE: Final = 1024 * 1024
_MOST_BYTES_BETWEEN_SCANS: Final = 640 * _MEBIBYTE


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
    """Raise ImageCorrupt if there are more scans than any camera or editor writes, and TooManyPixels if a JPEG of several
    scans needs too much memory: until the last one, all of them are kept at full size."""
    if data.count(_START_OF_SCAN) > _MOST_SCANS:
        raise ImageCorrupt(f"The JPEG has more than {_MOST_SCANS} scans, which no camera or editor writes.")
    with suppress(IndexError, ValueError):
        needed = _bytes_between_scans(data)
        if needed > _MOST_BYTES_BETWEEN_SCANS:
            raise TooManyPixels(
                f"The JPEG is progressive, and so large that decoding it needs {needed // _MEBIBYTE:,} MiB of memory.",
                hint="Save it as a baseline JPEG, or send a smaller version.",
            )


def _bytes_between_scans(data: bytes) -> int:
    """Memory for the coefficients of a JPEG of several scans; 0 for one of a single scan."""
    needed, components, is_progressive = 0, 0, False
    for marker, start in _headers(data):
        if marker in _FRAMES:
            is_progressive = marker in _PROGRESSIVE
            height, width = (int.from_bytes(data[start + index : start + index + 2]) for index in (1, 3))
            components = data[start + 5]
            sampling = [divmod(data[start + 7 + 3 * number], 16) for number in range(components)]
            wide, high = (max(1, *parts) for parts in zip(*sampling, strict=True))
            needed = 2 * sum(width * x // wide * (height * y // high) for x, y in sampling)
        elif marker == _SOS:
            return needed if is_progressive or data[start] < components else 0
    return 0


def ends_like_jpeg(data: bytes) -> bool:
    """Whether a JPEG has its end marker, so that a failure to read it means damage and not truncation."""
    return _END in data[-_TAIL_BYTES:]


def end_of_pixels(data: bytes) -> int | None:
    """Where the pixel data of a JPEG ends if the file ends there, without an end marker; None for all others."""
    if ends_like_jpeg(data):
        return None
    start, marker = 0, 0
    for marker, start in _headers(data):  # noqa: B007 - the last one counts
        pass
    pixels = start - 2 + int.from_bytes(data[start - 2 : start])
    if marker != _SOS or pixels > len(data) or _MARKER.search(data, pixels):
        return None
    return len(data) - data.endswith(b"\xff")  # half a marker is none


def zeros_at_end(data: bytes) -> tuple[int, int] | None:
    """Where the last scan of a JPEG turns into a long run of zeros up to its end, and that end; None if it does not.

    Where a copy was interrupted, file systems put zeros. Pixels are rarely zeros: in a code that was made for the picture they
    may be a plain area.
    """
    pixels = next((end for marker, _, end in list_markers(data) if marker == _SOS), len(data))
    if data.find(_ZEROS, pixels) < 0:  # as in almost all, which then need no look at each byte
        return None
    start = 0
    for marker, _, following in list_markers(data):
        start = following if marker == _SOS else start
    found = _MARKER.search(data, start)
    end = found.start() if found else len(data)
    while end > start and data[end - 1] == 0xFF:  # a marker may begin with several
        end -= 1
    if end - start < _LONG_RUN or any(data[end - _LONG_RUN : end]):
        return None
    return start + len(data[start:end].rstrip(b"\0")), end


def has_all_scans(data: bytes) -> bool:
    """Whether each component of a JPEG has all its coefficients, as far as the headers of its scans say."""
    try:
        return _coefficients_left(data) == 0
    except IndexError:
        return False


def _coefficients_left(data: bytes) -> int:
    left: dict[int, set[int]] = {}
    is_progressive = False
    for marker, start in _headers(data):
        if marker in _FRAMES:
            is_progressive = marker in _PROGRESSIVE
            count = data[start + 5]
            left = {data[start + 6 + 3 * number]: set(range(64)) for number in range(count)}
        elif marker == _SOS:
            count = data[start]
            first, last, bits = (data[start + 1 + 2 * count + index] for index in range(3))
            if is_progressive and bits & 0x0F:
                continue  # lower bits of these are left to another scan
            done = range(first, last + 1) if is_progressive else range(64)
            for number in range(count):
                left.get(data[start + 1 + 2 * number], set()).difference_update(done)
    return sum(map(len, left.values())) if left else 64


def list_markers(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker, where it begins, and where its contents end, up to the end. What is between is skipped, as decoders do."""
    position = 2
    while (found := _MARKER.search(data, position)) and found.end() + 2 <= len(data):
        marker, position = data[found.end() - 1], found.end()
        if marker == _EOI:
            return
        if marker not in _BARE:
            position += int.from_bytes(data[position : position + 2])
        yield marker, found.start(), position


def _headers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and start of the contents of each segment, up to the end."""
    return ((marker, start + 4) for marker, start, _ in list_markers(data) if marker not in _BARE)


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
