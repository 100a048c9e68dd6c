"""Where the unix sockets are. Their paths are limited to about 107 bytes (103 on macOS), and homes are not."""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from backend.errors import ConfigurationError

_LIMIT_BYTES = 100
_SHORT_ROOT = Path("/tmp")  # noqa: S108 - every process must find the same folder, whatever its TMPDIR is


def socket_folder(folder: Path, socket_name: str, owner_uid: int) -> Path:
    """The folder for the socket of the server that lives in `folder`: itself, or a private short one (not made here).

    A comma would part hosts in a libpq URL, so a path with one goes the short way too.

    Raises:
        ConfigurationError: the short folder is there and is not `owner_uid`'s own.
    """
    path = os.fsencode(folder / socket_name)
    if len(path) <= _LIMIT_BYTES and b"," not in path:
        return folder
    short = _SHORT_ROOT / f"mediacluster-{owner_uid}-{hashlib.sha256(path).hexdigest()[:16]}"
    _check_private(short, owner_uid)
    return short


def make_socket_folder(folder: Path, socket_name: str, owner_uid: int) -> Path:
    """`socket_folder`, made if need be.

    Raises:
        ConfigurationError: the short folder is there and is not `owner_uid`'s own.
    """
    chosen = socket_folder(folder, socket_name, owner_uid)
    if chosen != folder:
        with suppress(FileExistsError):
            chosen.mkdir(mode=0o700)
            if os.geteuid() != owner_uid:
                os.chown(chosen, owner_uid, -1)
        _check_private(chosen, owner_uid)  # somebody may have been faster
    return chosen


def remove_socket_folder(chosen: Path, folder: Path) -> None:
    """Remove a short folder after its server has gone; one with something in it stays."""
    if chosen != folder:
        with suppress(OSError):
            chosen.rmdir()


def _check_private(folder: Path, owner_uid: int) -> None:
    """Anybody may write to /tmp: neither put a socket where others reach it, nor trust one that others put there."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    private = found.st_uid == owner_uid and stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077 == 0
    if not private:
        raise ConfigurationError(
            f"{folder} is not a private folder of user {owner_uid}; sockets cannot be put there.",
            hint="Remove it, or set MEDIACLUSTER_HOME to a shorter path.",
        )
