"""Search for pictures in folders, and confinement of server-side imports to the allowed folders."""

import errno
import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from backend.errors import FileUnreadable, PathForbidden
from backend.files.folders.left_out import NO_MEDIA, Exclusions, Kind, LeftOut, kind_of_file, kind_of_folder
from backend.files.formats import FORMATS

_log = logging.getLogger(__name__)

# Includes formats that are not accepted: such files should fail with an error code, not be skipped silently.
# Pictures to those who import them: each is refused with its reason.
_OTHER_SUFFIXES: Final = frozenset({".bmp", ".svg", ".jxl", ".jp2", ".j2k"})
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP})


def walk_pictures(
    paths: Iterable[Path],
    *,
    exclusions: Exclusions | None = None,
    on_left_out: Callable[[LeftOut], None] | None = None,
    on_unreadable: Callable[[FileUnreadable], None] | None = None,
    follow_links: bool = True,
) -> Iterator[Path]:
    """Yield the pictures under `paths`: files as given, folders recursively, by name, files before subfolders.

    In folders only names that look like a picture count. Hidden files, bins, snapshots, packages of photo programs and
    folders with `.nomedia` are left out, unless they are one of `paths`. Each folder is entered once.

    Args:
        paths: files and folders.
        exclusions: what else is left out, below the folders of `paths`.
        on_left_out: called for every file and folder that is left out.
        on_unreadable: called for every subfolder that cannot be opened, with its `path` in the context. Logs by default.
        follow_links: whether links are followed.

    Raises:
        FileUnreadable: one of `paths` does not exist, is neither file nor folder, or cannot be opened.

    """
    entered: set[tuple[int, int]] = set()
    walk = _Walk(
        exclusions or Exclusions(),
        on_left_out or _leave_out,
        on_unreadable or _log_unreadable,
        follow_links=follow_links,
    )
    for path in paths:
        if _is_folder(path):
            yield from walk.down(path, entered)
        elif path.is_file():
            yield path
        else:
            raise FileUnreadable(f"{path} is neither a file nor a folder.", hint="Check the path.")


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)  # not Path.is_dir, which hides the error from Python 3.14 on
    except ValueError:  # a NUL in the name
        return False
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise _unreadable(path, error) from error  # such as a parent folder without search permission


def _unreadable(folder: Path, error: OSError) -> FileUnreadable:
    return FileUnreadable(
        f"{folder} cannot be opened: {error.strerror}.", hint="Check its permissions.", path=str(folder)
    )


def _log_unreadable(error: FileUnreadable) -> None:
    _log.warning("Skipped a folder: %s", error)


def _leave_out(_: LeftOut) -> None:
    pass


def looks_like_picture(path: Path) -> bool:
    """Whether the file name has the suffix of a picture that can be read, if its content is what it says."""
    suffix = path.suffix.lower()
    return suffix in _OTHER_SUFFIXES or any(one.is_installed and suffix[1:] in one.suffixes for one in FORMATS)


def require_inside_roots(path: Path, roots: Sequence[Path]) -> Path:
    """Return `path` with all links resolved, if it is inside one of `roots`. Open the result, not the argument.

    Raises:
        PathForbidden: it is outside, or no roots are configured.

    """
    if not roots:
        raise PathForbidden(
            "This server does not import from folders.", hint="Set MEDIACLUSTER_IMPORT_ROOTS, or upload the files."
        )
    try:
        resolved = path.resolve()
        inside = not _is_loop(resolved) and any(resolved.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError, ValueError):  # a cycle of links, or a NUL in the name
        inside = False
    if not inside:
        raise PathForbidden(
            f"{path} is outside the folders that imports are allowed from.",
            hint="Move it there, or add its folder to MEDIACLUSTER_IMPORT_ROOTS.",
        )
    return resolved


def _is_loop(resolved: Path) -> bool:
    """Whether a resolved path is still a cycle of links. From Python 3.13 on `Path.resolve` raises no error for one."""
    try:
        resolved.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def open_inside_roots(path: Path, roots: Sequence[Path]) -> BinaryIO:
    """Open a file below one of `roots` for reading.

    Links are not followed on the way down, so a link that is created between the check and the opening cannot lead outside.

    Raises:
        PathForbidden: it is outside, or no roots are configured.
        FileUnreadable: it is not a file, or cannot be opened.

    """
    resolved = require_inside_roots(path, roots)
    root = next(one for one in (root.resolve() for root in roots) if resolved.is_relative_to(one))
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        for part in resolved.relative_to(root).parts:
            # Non-blocking: opening a named pipe would block forever.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            try:
                inner = os.open(part, flags, dir_fd=folder)
            finally:
                os.close(folder)
            folder = inner
        if not stat.S_ISREG(os.fstat(folder).st_mode):
            os.close(folder)
            raise FileUnreadable(f"{path} is not a file.", hint="Check the path.")
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PathForbidden(f"{path} is now a link.", hint="Give the path of the file it points to.") from None
        raise FileUnreadable(f"{path} cannot be opened ({error.strerror}).", hint="Check the path.") from None
    return os.fdopen(folder, "rb")


class _Walk:
    """A walk through folders: what is left out on it, and who is told."""

    def __init__(
        self,
        exclusions: Exclusions,
        on_left_out: Callable[[LeftOut], None],
        on_unreadable: Callable[[FileUnreadable], None],
        *,
        follow_links: bool,
    ) -> None:
        self._exclusions = exclusions
        self._on_left_out = on_left_out
        self._on_unreadable = on_unreadable
        self._follow_links = follow_links

    def down(self, top: Path, entered: set[tuple[int, int]]) -> Iterator[Path]:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            if not _enter(folder, entered):
                continue
            try:
                files, subfolders = _list_folder(folder, follow_links=self._follow_links)
            except OSError as error:
                if folder is top:
                    raise _unreadable(folder, error) from error
                self._on_unreadable(_unreadable(folder, error))
                continue
            if folder is not top and any(file.name.lower() == NO_MEDIA for file in files):
                self._on_left_out(LeftOut(folder, Kind.NOMEDIA))
                continue
            for file in files:
                if self._is_wanted(file, top, kind_of_file(file.name, is_picture=looks_like_picture(file))):
                    yield file
            wanted = [
                one
                for one in subfolders
                if self._is_wanted(one, top, kind_of_folder(one.name, folder.name), is_folder=True)
            ]
            waiting += reversed(wanted)

    def _is_wanted(self, path: Path, top: Path, kind: Kind | None, *, is_folder: bool = False) -> bool:
        if kind is None and (path.relative_to(top).as_posix(), is_folder) in self._exclusions:
            kind = Kind.EXCLUDED
        if kind is not None:
            self._on_left_out(LeftOut(path, kind))
        return kind is None


def _enter(folder: Path, entered: set[tuple[int, int]]) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    identity = (status.st_dev, status.st_ino)
    if identity in entered:
        return False
    entered.add(identity)
    return True


def _list_folder(folder: Path, *, follow_links: bool) -> tuple[list[Path], list[Path]]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda one: one.name)
    files = [folder / entry.name for entry in ordered if _is(os.DirEntry.is_file, entry, follow_links)]
    subfolders = [folder / entry.name for entry in ordered if _is(os.DirEntry.is_dir, entry, follow_links)]
    return files, subfolders


def _is(kind: Callable[..., bool], entry: os.DirEntry[str], follow_links: bool) -> bool:
    try:
        return kind(entry, follow_symlinks=follow_links)
    except OSError:  # a link that leads to itself
        return False
