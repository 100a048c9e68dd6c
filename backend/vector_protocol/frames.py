"""Frames: a header of JSON and a body of raw numbers, each with its length before it. Nothing in them is ever executed or unpickled."""

import socket
import struct
import time
from collections.abc import Callable

_LENGTHS = struct.Struct("!II")
# More is never read into memory at once, whatever a header claims.
_PIECE_BYTES = 1 << 20
MOST_HEADER_BYTES = 256 * 1024
# Within so many seconds, a frame that has begun must have come.
FRAME_SECONDS = 10.0


class BrokenFrame(Exception):
    """What came is no frame of this protocol, is too large or did not come in time."""


class Closed(Exception):
    """The other side has closed the connection between two frames."""


def send_frame(connection: socket.socket, header: bytes, *body: bytes | memoryview) -> None:
    """Send a header and a body that may be in parts. Raises OSError if the other side does not take it within `FRAME_SECONDS`."""
    connection.settimeout(FRAME_SECONDS)
    size = sum(len(part) for part in body)
    head = _LENGTHS.pack(len(header), size) + header
    if size <= _PIECE_BYTES:
        connection.sendall(b"".join((head, *body)))
        return
    connection.sendall(head)
    for part in body:
        connection.sendall(part)


def receive_frame(
    connection: socket.socket,
    *,
    most_header: int,
    most_body: Callable[[bytes], int],
    wait_seconds: float | None,
) -> tuple[bytes, bytes]:
    """Receive a header and a body.

    Args:
        connection: a connected socket.
        most_header: the longest header that is read.
        most_body: the longest body that is read after this header. It may raise to refuse the header.
        wait_seconds: how long to wait for the frame to begin. None for ever.

    Raises:
        Closed: there is no further frame.
        BrokenFrame: the frame is malformed, too large or late.
        OSError: the connection failed.
    """
    connection.settimeout(wait_seconds)
    try:
        first = connection.recv(_LENGTHS.size)
    except TimeoutError as error:
        raise BrokenFrame("no frame came in time") from error
    if not first:
        raise Closed
    deadline = time.monotonic() + FRAME_SECONDS
    lengths = first + _receive(connection, _LENGTHS.size - len(first), deadline)
    header_bytes, body_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > most_header:
        raise BrokenFrame(f"a header of {header_bytes} bytes")
    header = _receive(connection, header_bytes, deadline)
    if body_bytes > most_body(header):
        raise BrokenFrame(f"a body of {body_bytes} bytes")
    return header, _receive(connection, body_bytes, deadline)


def _receive(connection: socket.socket, count: int, deadline: float) -> bytes:
    received = bytearray()
    while len(received) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise BrokenFrame("the frame did not come in time")
        connection.settimeout(left)
        try:
            piece = connection.recv(min(count - len(received), _PIECE_BYTES))
        except TimeoutError as error:
            raise BrokenFrame("the frame did not come in time") from error
        if not piece:
            raise BrokenFrame("the connection was closed within a frame")
        received += piece
    return bytes(received)
