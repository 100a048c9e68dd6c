"""Opening of files that somebody names: regular ones only, without waiting, and read within bounds."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from backend.errors import FileTooLarge, FileUnreadable

_PIECE_BYTES = 1024 * 1024


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. Links are followed, and what they lead to is judged once it is open.

    One that says it is empty reads as empty: files of /proc say so, and some block, never end, or tell of the machine.

    Raises FileUnreadable if it cannot be opened or is not a regular file: a pipe would block, and a device may never end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise FileUnreadable(
            f"{path} cannot be opened: {reason}.", hint="Check that it is there and its permissions."
        ) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileUnreadable(f"{path} is not a regular file.", hint="Copy its content into a file, and name that.")
    if not found.st_size:
        os.close(descriptor)
        return Path(os.devnull).open("rb")
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a whole file.

    Raises:
        FileUnreadable: as `open_regular`, or reading fails.
        FileTooLarge: it has more than `max_bytes`, or grows while it is read.
    """
    with open_regular(path) as file:
        descriptor = file.fileno()
        size = os.fstat(descriptor).st_size
        if size > max_bytes:
            raise FileTooLarge(f"{path} has {size:,} bytes; {max_bytes:,} are allowed.")
        pieces: list[bytes] = []
        left = max_bytes
        try:
            while left >= 0 and (piece := os.read(descriptor, min(_PIECE_BYTES, left + 1))):
                pieces.append(piece)
                left -= len(piece)
        except OSError as error:
            raise FileUnreadable(f"{path} cannot be read: {error.strerror}.", hint="Check its disk.") from error
        if left < 0:
            raise FileTooLarge(f"{path} grows while it is read, beyond {max_bytes:,} bytes.")
    return b"".join(pieces)
