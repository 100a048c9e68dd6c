"""Folders of the unix sockets. Paths of sockets are limited to about 107 bytes (103 on macOS), and homes may be longer."""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from backend.errors import ConfigurationError

_LIMIT_BYTES = 100
_SHORT_ROOT = Path("/tmp")  # noqa: S108 - every process must find the same folder, whatever its TMPDIR is


def socket_folder(folder: Path, socket_name: str, owner_uid: int) -> Path:
    """The folder for the socket of the server in `folder`: the same folder, or a private one with a short path.

    Does not create it. A comma would separate hosts in a libpq URL, so a path with a comma is replaced too.

    Raises:
        ConfigurationError: the short folder exists and is not private to `owner_uid`.
    """
    path = os.fsencode(folder / socket_name)
    if len(path) <= _LIMIT_BYTES and b"," not in path:
        return folder
    short = _SHORT_ROOT / f"mediacluster-{owner_uid}-{hashlib.sha256(path).hexdigest()[:16]}"
    _check_private(short, owner_uid)
    return short


def make_socket_folder(folder: Path, socket_name: str, owner_uid: int) -> Path:
    """Return `socket_folder`, and create it if necessary.

    Raises:
        ConfigurationError: the short folder exists and is not private to `owner_uid`.
    """
    chosen = socket_folder(folder, socket_name, owner_uid)
    if chosen != folder:
        with suppress(FileExistsError):
            chosen.mkdir(mode=0o700)
            if os.geteuid() != owner_uid:
                os.chown(chosen, owner_uid, -1)
        _check_private(chosen, owner_uid)  # another account may have created it first
    return chosen


def remove_socket_folder(chosen: Path, folder: Path) -> None:
    """Remove a short folder after its server has ended, if it is empty."""
    if chosen != folder:
        with suppress(OSError):
            chosen.rmdir()


def _check_private(folder: Path, owner_uid: int) -> None:
    """Check that a folder is private. Anyone can write to /tmp, so others could reach a socket there, or place a false one."""
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
