"""Files that viewers show and decoders refuse: what no pixel depends on is completed or left out, with a warning.

The end marker of a JPEG, PNG or GIF may be missing, a text of a PNG may be damaged or unpack to far more than anybody wrote, and the
length of a WebP may count more than there is. The file itself is stored as it came. A file that lacks pixels is returned as it is, and refused later.
"""

import random
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import Final

from PIL import Image

from backend.errors import ImageCorrupt, ImageTruncated, TooManyPixels
from backend.files.formats.jpeg import check_scans, end_of_pixels, has_all_scans, zeros_at_end
from backend.files.formats.structure import PNG_SIGNATURE, Chunk, is_intact, lacks_trailer, png_chunks


@dataclass(frozen=True, slots=True)
class PictureWarning:
    """Something that is not right with a picture, although it is accepted.

    Attributes:
        code: what it is, for programs.
        detail: what it is, as a sentence.
    """

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Mended:
    """A file that decoders accept, if there was nothing wrong but what could be mended."""

    data: bytes
    warnings: tuple[PictureWarning, ...] = ()


_JPEG_END: Final = b"\xff\xd9"
_JPEG_RESTARTS: Final = b"\xff\xdd"
_FEW_ZEROS: Final = 16
_GIF_END: Final = b";"
_PNG_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_MIN_HEADER_BYTES: Final = 12 + 13
_INFLATED_AT_ONCE: Final = 1024 * 1024
# Of a pixel: four channels of two bytes. Each row, also of the seven passes of interlacing, has one more.
_PNG_PIXEL_BYTES: Final = 8
_PNG_ROW_BYTES: Final = 2
_ANCILLARY: Final = 0x20
_ROWS_AT_ONCE: Final = 256
_MOST_PIXELS_AT_ONCE: Final = 60_000_000

# As much as Pillow unpacks, which refuses a picture with more.
_MOST_TEXT_BYTES: Final = 1024 * 1024
_MOST_TEXT_BYTES_IN_ALL: Final = 64 * 1024 * 1024
_MOST_TEXTS: Final = 4096
_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PROFILE: Final = b"iCCP"
_LEAST_BYTES: Final = {b"gAMA": 4, b"sRGB": 1, b"pHYs": 9}

_END_MISSING: Final = PictureWarning("end_missing", "The end of the file is missing, but all of its pixels are there.")

# Bytes that a decoder takes for pixels, if it still expects any.
_OTHER_PIXELS: Final = random.Random(0).randbytes(600).replace(b"\xff", b"")  # noqa: S311 - not a secret


def mend_jpeg(data: bytes, most_pixels: int) -> Mended:
    """Add the end marker if nothing but it is missing. Raises as `check_scans`, and ImageTruncated if the pixels end in zeros
    that stand for others."""
    _check_zeros(data, most_pixels)
    end = end_of_pixels(data)
    if end is None or not has_all_scans(data):
        return Mended(data)
    check_scans(data)
    pixels = data[:end]
    try:
        is_complete = _is_complete(pixels, most_pixels)
    except Exception:  # noqa: BLE001 - Pillow raises a dozen types; whatever it is, the file is judged as it came
        return Mended(data)
    return Mended(pixels + _JPEG_END, (_END_MISSING,)) if is_complete else Mended(data)


def _is_complete(pixels: bytes, most_pixels: int) -> bool:
    """Whether a JPEG without end marker has all of its pixels. Where some are missing, a decoder fills them from what follows;
    where none is missing, what follows is ignored. Raises as `_pixel_sum`."""
    tails = [b"", _OTHER_PIXELS]
    if _JPEG_RESTARTS in pixels:
        tails.append(_next_restart(pixels) + _OTHER_PIXELS)
    sums = (_pixel_sum(pixels + tail + _JPEG_END, most_pixels) for tail in tails)
    return all(one == other for one, other in pairwise(sums))


def _check_zeros(data: bytes, most_pixels: int) -> None:
    """Raise ImageTruncated if a JPEG ends in a long run of zeros, and the decoder takes some of them for pixels, but not all, or
    lacks more. Zeros behind the last pixel are padding, and zeros up to the last pixel are a plain area."""
    run = zeros_at_end(data)
    if run is None:
        return
    check_scans(data)
    start, end = run
    try:
        # The first zeros may belong to the last code before them, and the last ones fill the last byte.
        if _is_complete(data[: start + _FEW_ZEROS], most_pixels):
            return
        is_sound = _is_complete(data[:end], most_pixels) and not _is_complete(data[: end - _FEW_ZEROS], most_pixels)
    except Exception:  # noqa: BLE001 - Pillow raises a dozen types; whatever it is, the file is judged as it came
        return
    if not is_sound:
        raise ImageTruncated(
            "The picture is cut off: from some place on, its data is zeros.", hint="Copy it again from its source."
        )


def _next_restart(data: bytes) -> bytes:
    last = max(range(8), key=lambda number: data.rfind(bytes((0xFF, 0xD0 + number))))
    is_there = data.rfind(bytes((0xFF, 0xD0 + last))) >= 0
    return bytes((0xFF, 0xD0 + (last + 1) % 8 if is_there else 0xD0))


def _pixel_sum(jpeg: bytes, most_pixels: int) -> int:
    """A checksum over the pixels, which are in memory once. Raises as Pillow, and TooManyPixels before it decodes any."""
    found = 0
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
        if image.width * image.height > most_pixels:
            raise TooManyPixels("The picture has too many pixels.")
        if image.width * image.height > _MOST_PIXELS_AT_ONCE:
            image.draft(None, (image.width // 2, image.height // 2))
        image.load()
        for top in range(0, image.height, _ROWS_AT_ONCE):
            rows = image.crop((0, top, image.width, min(top + _ROWS_AT_ONCE, image.height)))
            found = zlib.crc32(rows.tobytes(), found)
    return found


def mend_png(data: bytes, most_pixels: int) -> Mended:
    """Leave out chunks that are not needed and damaged, or unpack to too much, and add the end if the pixels are complete."""
    try:
        parts = _sort_chunks(data)
    except ImageCorrupt:
        return Mended(data)
    is_whole = parts.is_ended and not parts.damaged and not parts.too_long
    if is_whole or (not parts.is_ended and not _has_all_pixels(data, parts.kept, most_pixels)):
        return Mended(data)
    mended = PNG_SIGNATURE + b"".join(data[chunk.start : chunk.end] for chunk in parts.kept) + _PNG_END
    return Mended(mended, tuple(_warnings_about(parts)))


@dataclass(slots=True)
class _Parts:
    """The chunks of a PNG that are kept, the kinds of those that are left out, and whether its end is there."""

    kept: list[Chunk] = field(default_factory=list)
    damaged: set[bytes] = field(default_factory=set)
    too_long: set[bytes] = field(default_factory=set)
    is_ended: bool = False


def _sort_chunks(data: bytes) -> _Parts:
    parts, texts = _Parts(), _Texts()
    with suppress(ImageTruncated):
        for chunk in png_chunks(data):
            is_needed = not chunk.kind[0] & _ANCILLARY
            if is_needed and chunk.kind != b"IEND":
                parts.kept.append(chunk)  # a damaged one is found later
            elif chunk.kind == b"IEND":
                parts.is_ended = is_intact(data, chunk)
            elif not _is_readable(data, chunk):
                parts.damaged.add(chunk.kind)
            elif not texts.has_room_for(data, chunk):
                parts.too_long.add(chunk.kind)
            else:
                parts.kept.append(chunk)
    return parts


def _warnings_about(parts: _Parts) -> Iterator[PictureWarning]:
    if not parts.is_ended:
        yield _END_MISSING
    if parts.damaged:
        detail = f"A part of the PNG is damaged ({_names(parts.damaged)}), so it is ignored."
        yield PictureWarning("metadata_damaged", detail)
    if texts := parts.too_long & _TEXTS:
        detail = (
            f"The texts of the PNG ({_names(texts)}) unpack to more than is read, so the longest or last are ignored."
        )
        yield PictureWarning("metadata_damaged", detail)
    if _PROFILE in parts.too_long:
        detail = "The color profile of the PNG unpacks to more than 1 MiB, so it is ignored."
        yield PictureWarning("color_profile_ignored", detail)


def _names(kinds: set[bytes]) -> str:
    return ", ".join(sorted(kind.decode() for kind in kinds))


class _Texts:
    """How much the texts of a PNG unpack to, of which only so much is read. Each is unpacked to the limit at most."""

    def __init__(self) -> None:
        self._left = _MOST_TEXT_BYTES_IN_ALL
        self._count = 0

    def has_room_for(self, data: bytes, chunk: Chunk) -> bool:
        """Whether a chunk that may be packed can be read. Others always can."""
        if chunk.kind not in _TEXTS and chunk.kind != _PROFILE:
            return True
        self._count += 1
        if self._left <= 0 or self._count > _MOST_TEXTS:
            return False
        size = _text_bytes(chunk.kind, data[chunk.start + 8 : chunk.end - 4])
        if size is None:
            return False
        self._left -= size
        return self._left >= 0


def _text_bytes(kind: bytes, contents: bytes) -> int | None:
    """How long the text or profile in a chunk is when it is unpacked; None for one that is packed and too long."""
    rest = contents.partition(b"\0")[2]
    if kind == b"tEXt" or (kind == b"iTXt" and rest[:1] != b"\1"):
        return len(rest)
    packed = rest[2:].partition(b"\0")[2].partition(b"\0")[2] if kind == b"iTXt" else rest[1:]
    stream = zlib.decompressobj()
    try:
        size = len(stream.decompress(packed, _MOST_TEXT_BYTES))
    except zlib.error:  # Pillow leaves it out
        return 0
    return None if stream.unconsumed_tail else size


def _is_readable(data: bytes, chunk: Chunk) -> bool:
    """Whether a chunk has what Pillow would refuse the picture for lacking: its checksum, its length, a way of packing."""
    if not is_intact(data, chunk):
        return False
    contents = data[chunk.start + 8 : chunk.end - 4]
    if chunk.kind in {b"zTXt", _PROFILE}:
        return contents.partition(b"\0")[2][:1] == b"\0"
    return len(contents) >= _LEAST_BYTES.get(chunk.kind, 0)


def _has_all_pixels(data: bytes, chunks: list[Chunk], most_pixels: int) -> bool:
    if not chunks or chunks[0].kind != b"IHDR" or chunks[0].end - chunks[0].start < _MIN_HEADER_BYTES:
        return False
    width, height = struct.unpack_from(">II", data, chunks[0].start + 8)
    if width * height > most_pixels:
        return False
    left = height * (width * _PNG_PIXEL_BYTES + _PNG_ROW_BYTES)  # a bomb inflates to more
    stream = zlib.decompressobj()
    try:
        for chunk in chunks:
            if chunk.kind != b"IDAT":
                continue
            waiting = data[chunk.start + 8 : chunk.end - 4]
            while waiting and not stream.eof and left >= 0:
                left -= len(stream.decompress(waiting, _INFLATED_AT_ONCE))
                waiting = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof


def mend_gif(data: bytes, _most_pixels: int) -> Mended:
    """Add the trailer if nothing but it is missing."""
    return Mended(data + _GIF_END, (_END_MISSING,)) if lacks_trailer(data) else Mended(data)


def mend_webp(data: bytes, _most_pixels: int) -> Mended:
    """Correct the length if it counts more than there is, and the one image is complete."""
    if 8 + int.from_bytes(data[4:8], "little") <= len(data):
        return Mended(data)
    position, has_pixels = 12, False
    while position + 8 <= len(data):
        kind = data[position : position + 4]
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        if kind in {b"ANIM", b"ANMF"} or position + 8 + size > len(data):
            break
        has_pixels = has_pixels or kind in {b"VP8 ", b"VP8L"}
        position += 8 + size + (size & 1)
    if not has_pixels or data[position : position + 4] in {b"ANIM", b"ANMF"}:
        return Mended(data)
    body = data[8:position].ljust(position - 8, b"\0")
    return Mended(b"RIFF" + struct.pack("<I", len(body)) + body, (_END_MISSING,))
