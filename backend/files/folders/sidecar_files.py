"""Sidecars written as files. One that another program wrote or changed is never touched: it may hold somebody's edits."""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from backend.errors import FileUnreadable, PathForbidden, StorageFull
from backend.files.metadata import find_writer

_MAX_BYTES: Final = 2 * 1024 * 1024  # more than a packet of ours has
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# Where the folder is a link, the system says one or the other.
_LINKS: Final = frozenset({errno.ELOOP, errno.ENOTDIR})


class SidecarOutcome(StrEnum):
    """The result of writing a sidecar."""

    WRITTEN = "written"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    NOT_NEEDED = "not_needed"
    """It would say nothing, and there is none."""
    FOREIGN = "foreign"
    """There is one that another program wrote or changed. It was left as it is."""
    OF_ANOTHER = "of_another"
    """There is one that `write_xmp` wrote for another picture. It was left as it is."""


def write_sidecar(
    top: Path,
    folders: Sequence[str],
    name: str,
    packet: bytes,
    *,
    make_folders: bool,
    is_needed: bool = True,
    may_replace: Callable[[str], bool] = lambda _picture_id: False,
    dry_run: bool = False,
) -> SidecarOutcome:
    """Write a packet of `write_xmp` to the file `name` in the folder `folders` below `top`, whole or not at all.

    No link is followed below `top`, and a link with the name of the file is not replaced.

    Args:
        top: an existing folder.
        folders: the folders below it, one name each.
        name: the name of the sidecar.
        packet: the packet.
        make_folders: whether to make folders that are missing.
        is_needed: whether to write it where there is none. One that is there is updated in any case.
        may_replace: whether to replace one that was written for another picture, by its id.
        dry_run: only tell what would happen.

    Raises:
        PathForbidden: a link is in the way.
        FileUnreadable: it cannot be written, or what is there cannot be read.
        StorageFull: the disk is full.

    """
    try:
        folder = _open_folder(top, folders, make=make_folders and is_needed and not dry_run)
        if folder is None:
            if not make_folders:
                raise FileUnreadable(f"{top.joinpath(*folders)} is not there.", hint="Check where the pictures are.")
            return SidecarOutcome.WRITTEN if is_needed else SidecarOutcome.NOT_NEEDED
        try:
            outcome = _decide(_read(folder, name), packet, is_needed=is_needed, may_replace=may_replace)
            if outcome in {SidecarOutcome.WRITTEN, SidecarOutcome.UPDATED} and not dry_run:
                return _write(folder, name, packet, outcome)
            return outcome
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(top, folders, name, error) from None


def _open_folder(top: Path, folders: Sequence[str], *, make: bool) -> int | None:
    """A descriptor of the folder; None if it is not there. No link below `top` is followed."""
    try:
        folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        for part in folders:
            try:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            finally:
                os.close(folder)
            folder = inner
    except FileNotFoundError:
        return None
    return folder


def _read(folder: int, name: str) -> bytes | None:
    """The bytes of a file, or enough of them to see that another program wrote it; None if there is no file."""
    try:
        # Non-blocking: opening a named pipe would block forever.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b"not a file"
        return file.read(_MAX_BYTES)


def _decide(
    known: bytes | None, packet: bytes, *, is_needed: bool, may_replace: Callable[[str], bool]
) -> SidecarOutcome:
    # An empty file is what a power cut leaves of one that was just written, and holds nothing to lose.
    if not known:
        return SidecarOutcome.WRITTEN if is_needed else SidecarOutcome.NOT_NEEDED
    if known == packet:
        return SidecarOutcome.UNCHANGED
    writer = find_writer(known)
    if writer is None:
        return SidecarOutcome.FOREIGN
    if writer != find_writer(packet) and not may_replace(writer):
        return SidecarOutcome.OF_ANOTHER
    return SidecarOutcome.UPDATED


def _write(folder: int, name: str, packet: bytes, outcome: SidecarOutcome) -> SidecarOutcome:
    temporary = f".mediacluster-{os.getpid()}.part"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(packet)
        if outcome is SidecarOutcome.WRITTEN and _is_free(folder, name):
            return _link(folder, temporary, name)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return outcome
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)


def _is_free(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return True
    return False


def _link(folder: int, temporary: str, name: str) -> SidecarOutcome:
    """Give the file its name unless another program took it meanwhile."""
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return SidecarOutcome.FOREIGN
    except OSError:  # file systems of memory cards know no links
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    return SidecarOutcome.WRITTEN


def _unwritable(
    top: Path, folders: Sequence[str], name: str, error: OSError
) -> FileUnreadable | PathForbidden | StorageFull:
    path = top.joinpath(*folders, name)
    if error.errno in _FULL:
        return StorageFull(
            f"There is no room for {path}.", hint="Make room, then export again. It goes on where it was."
        )
    if error.errno in _LINKS:
        return PathForbidden(
            f"{path} is a link, or in a folder that is one.", hint="Remove the link, or export to another folder."
        )
    return FileUnreadable(
        f"{path} cannot be written ({error.strerror}).", hint="Check that its folder is there, and its permissions."
    )
