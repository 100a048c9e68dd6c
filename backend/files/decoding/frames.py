"""What travels between a process and its decoders: frames of a JSON header and blobs of bytes.

JSON and not pickle: the process that has just read a hostile file is not trusted with the other's objects.
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
    """Write one frame; raises OSError where nobody reads it any more."""
    encoded = json.dumps(header).encode()
    lengths = b"".join(_LENGTH.pack(len(blob)) for blob in blobs)
    for part in (_HEAD.pack(len(encoded), len(blobs)) + lengths + encoded, *blobs):
        left = memoryview(part)
        while left:
            left = left[stream.write(left) :]


def read_frame(stream: FileIO) -> tuple[dict[str, Any], list[bytes]]:
    """Read one frame; raises EOFError where it is cut off, ValueError where it is none."""
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
