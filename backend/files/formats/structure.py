"""Completeness checks of picture containers. They walk the structure of a file without decoding pixels.

Pillow reads only what the first frame needs, and its errors are vague. These checks find truncated files, wrong checksums
and too many frames precisely, in microseconds.

A walk returns the number of frames (counting stops above `max_frames`). It raises ImageTruncated if the file ends before
its container does, and ImageCorrupt if the container contradicts itself.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backend.errors import ImageCorrupt, ImageTruncated

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_PIXEL_CHUNKS: Final = frozenset({b"IDAT", b"fdAT", b"fcTL", b"acTL"})
_MAX_PNG_CHUNK_BYTES: Final = 0x7FFF_FFFF
_MIN_CHUNK_BYTES: Final = 12
_GIF_EXTENSION: Final = 0x21
_GIF_IMAGE: Final = 0x2C
_ISO_HEADER_BYTES: Final = 8
_ISO_KIND: Final = re.compile(rb"[ -~\xa9][ -~]{3}")
_TAIL_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Chunk:
    """One PNG chunk.

    Attributes:
        kind: its type, such as b"IDAT".
        start: position of its first byte in the file, which begins the length field.
        end: position after its last byte, which ends the checksum.
    """

    kind: bytes
    start: int
    end: int


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG up to and including IEND. Raises ImageTruncated or ImageCorrupt."""
    position = len(PNG_SIGNATURE)
    while True:
        if position + _MIN_CHUNK_BYTES > len(data):
            raise _cut("PNG")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + _MIN_CHUNK_BYTES + length
        if not kind.isalpha() or length > _MAX_PNG_CHUNK_BYTES:
            raise ImageCorrupt(f"The PNG is damaged at byte {position}: a chunk should begin here but does not.")
        if end > len(data):
            if b"IEND" in data[-_TAIL_BYTES:]:
                raise ImageCorrupt(f"The PNG is damaged at byte {position}: a chunk is longer than the file.")
            raise _cut("PNG")
        yield Chunk(kind, position, end)
        if kind == b"IEND":
            return
        position = end


def is_intact(data: bytes, chunk: Chunk) -> bool:
    """Whether the contents of a chunk have its checksum."""
    (checksum,) = struct.unpack_from(">I", data, chunk.end - 4)
    return zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.end - 4]) == int(checksum)


def png_without_pixels(data: bytes) -> bytes:
    """Copy a PNG without its pixel chunks. The copy is small, and Pillow also finds metadata written after the pixels."""
    kept = [PNG_SIGNATURE]
    kept += [data[chunk.start : chunk.end] for chunk in png_chunks(data) if chunk.kind not in _PNG_PIXEL_CHUNKS]
    return b"".join(kept)


def png_code_points(data: bytes) -> tuple[int, int] | None:
    """Color primaries and transfer characteristics of a PNG, from its chunk cICP."""
    for chunk in png_chunks(data):
        if chunk.kind == b"cICP" and chunk.end - chunk.start >= _MIN_CHUNK_BYTES + 2:
            return data[chunk.start + 8], data[chunk.start + 9]
        if chunk.kind == b"IDAT":  # it would have to be before the pixels
            break
    return None


def iso_code_points(data: bytes) -> tuple[int, int] | None:
    """Color primaries and transfer characteristics of an AVIF or HEIC file, from the first property that names them."""
    region = (0, len(data))
    for kind, skipped in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0)):
        region = next(((start + skipped, end) for one, start, end in iso_boxes(data, *region) if one == kind), (0, 0))
    for kind, start, end in iso_boxes(data, *region):
        if kind == b"colr" and data[start : start + 4] == b"nclx" and end >= start + 8:
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
            return int(primaries), int(transfer)
    return None


def gif_extensions(data: bytes) -> Iterator[bytes]:
    """Yield the joined sub-blocks of each extension of a GIF, up to the first damage."""
    try:
        for position, introducer in _gif_blocks(data):
            if introducer == _GIF_EXTENSION:
                yield b"".join(_sub_blocks(data, position + 2))
    except IndexError:
        return


def walk_png(data: bytes, _max_frames: int) -> int:
    frames = 1
    for chunk in png_chunks(data):
        if not is_intact(data, chunk):
            raise ImageCorrupt(f"The PNG is damaged: the checksum of the chunk at byte {chunk.start} does not match.")
        if chunk.kind == b"acTL" and chunk.end - chunk.start > _MIN_CHUNK_BYTES:
            (frames,) = struct.unpack_from(">I", data, chunk.start + 8)
    return max(int(frames), 1)


def walk_gif(data: bytes, max_frames: int) -> int:
    """Count image blocks. A missing trailer is accepted: many encoders omit it, and nothing is lost. `mend_gif` warns of it."""
    frames = 0
    try:
        for _, introducer in _gif_blocks(data):
            frames += introducer == _GIF_IMAGE
            if frames > max_frames:
                break
    except IndexError:
        raise _cut("GIF") from None
    if frames == 0:
        raise ImageCorrupt("The GIF holds no frame.")
    return frames


def lacks_trailer(data: bytes) -> bool:
    """Whether a GIF ends right after a complete block, where the trailer should be."""
    end = None
    try:
        for position, introducer in _gif_blocks(data):
            end = _end_of_block(data, position, introducer)
    except IndexError:
        return False
    return end == len(data)


def _end_of_block(data: bytes, position: int, introducer: int) -> int:
    if introducer == _GIF_EXTENSION:  # label, then sub-blocks
        return _skip_sub_blocks(data, position + 2)
    # Descriptor, color table, code size, then sub-blocks
    return _skip_sub_blocks(data, position + 11 + _color_table_bytes(data[position + 9]))


def _color_table_bytes(flags: int) -> int:
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield position and introducer of each complete block up to the trailer. Raises IndexError if the file is cut."""
    position = 13 + _color_table_bytes(data[10])
    while position < len(data):
        introducer = data[position]
        if introducer not in {_GIF_EXTENSION, _GIF_IMAGE}:  # the trailer, or something that decoders treat as one
            return
        end = _end_of_block(data, position, introducer)
        yield position, introducer
        position = end


def _skip_sub_blocks(data: bytes, position: int) -> int:
    while size := data[position]:
        position += size + 1
    return position + 1


def _sub_blocks(data: bytes, position: int) -> Iterator[bytes]:
    while size := data[position]:
        yield data[position + 1 : position + 1 + size]
        position += size + 1


def walk_webp(data: bytes, max_frames: int) -> int:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise _cut("WebP")
    frames, position = 0, 12
    while position + 8 <= end and frames <= max_frames:
        frames += data[position : position + 4] == b"ANMF"
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + size + (size & 1)
    return max(frames, 1)


def walk_iso(data: bytes, _max_frames: int) -> int:
    """Follow the boxes. What phones append behind the last one, such as a video without a box of its own, does not count."""
    position = 0
    missing = {b"meta", b"mdat"}
    while position + 8 <= len(data):
        kind = data[position + 4 : position + 8]
        if not missing and not _ISO_KIND.fullmatch(kind):
            return 1
        missing.discard(kind)
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 0:  # the last box reaches to the end of the file
            return 1
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size < _ISO_HEADER_BYTES:
            raise ImageCorrupt(f"The picture is damaged at byte {position}: a box is smaller than its own header.")
        position += size
    if position != len(data):
        raise _cut("picture")
    return 1


def iso_boxes(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the contents of each box in a region, up to the first damage."""
    while position + _ISO_HEADER_BYTES <= end:
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + _ISO_HEADER_BYTES
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        following = end if size == 0 else position + size
        if not start <= following <= end:
            return
        yield kind, start, following
        position = following


def _cut(kind: str) -> ImageTruncated:
    return ImageTruncated(
        f"The {kind} is cut off: the file ends before the picture does.", hint="Send the complete file."
    )


def unpack_raw_profile(text: str) -> bytes:
    """Decode a text "Raw profile type ..." of a PNG: a line with a name of one or more words, one with the number of bytes, and
    the bytes as hexadecimal digits over many lines; b'' if there are no digits. Raises ValueError if they are something else."""
    digits = text.strip().partition("\n")[2].lstrip().partition("\n")[2]
    return bytes.fromhex("".join(digits.split()))
