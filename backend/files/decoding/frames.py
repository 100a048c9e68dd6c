"""Frames exchanged between a process and its decoders: a JSON header and blobs of bytes.

The header is JSON, not pickle, because a process that has read a hostile file must not be trusted.
"""

import json
import struct
from collections.abc import Sequence
from io import FileIO
from typing import Any, Final

# Length of the header, number of blobs; then the length of each blob.
_HEAD: Final = struct.Struct(">IB")
_LENGTH: Final = struct.Struct(">Q")
_MAX_HEADER_BYTES: Final = 4 * 1024 * 1024
_MAX_BLOB_BYTES: Final = 1024 * 1024 * 1024


def write_frame(stream: FileIO, header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Write one frame. Raises OSError if the reader is gone."""
    encoded = json.dumps(header).encode()
    lengths = b"".join(_LENGTH.pack(len(blob)) for blob in blobs)
    for part in (_HEAD.pack(len(encoded), len(blobs)) + lengths + encoded, *blobs):
        left = memoryview(part)
        while left:
            left = left[stream.write(left) :]


def read_frame(stream: FileIO) -> tuple[dict[str, Any], list[bytes]]:
    """Read one frame. Raises EOFError if it is cut off, ValueError if it is not a valid frame."""
    header_bytes, count = _HEAD.unpack(_read(stream, _HEAD.size))
    lengths = [_LENGTH.unpack(_read(stream, _LENGTH.size))[0] for _ in range(count)]
    if header_bytes > _MAX_HEADER_BYTES or sum(lengths) > _MAX_BLOB_BYTES:
        raise ValueError("a frame is too large")
    header = json.loads(_read(stream, header_bytes))
    if not isinstance(header, dict):
        raise ValueError("a frame has no header")  # noqa: TRY004 - of the stream, not of an argument
    return header, [_read(stream, length) for length in lengths]


def _read(stream: FileIO, count: int) -> bytes:
    data = bytearray(count)
    left = memoryview(data)
    while left:
        got = stream.readinto(left)
        if not got:
            raise EOFError
        left = left[got:]
    return bytes(data)
