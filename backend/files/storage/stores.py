"""The two kinds of store behind `Storage`: a local folder with durable writes, and objects over fsspec."""

import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{32}\.tmp")
# Names of the field in S3, in memory and others, in Google's and in Azure's listings.
_MODIFIED: Final = ("LastModified", "created", "updated", "last_modified")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An entry of a listing.

    Attributes:
        key: key of the object.
        modified_at: time of its last change, in seconds since 1970.
    """

    key: str
    modified_at: float


class Store(Protocol):
    """Raw access by valid keys. Raises OSErrors (FileNotFoundError for a missing key) or exceptions of the driver."""

    def write(self, key: str, data: bytes) -> None:
        """Store `data` atomically."""

    def read(self, key: str) -> bytes:
        """Return all bytes."""

    def size(self, key: str) -> int:
        """Return the number of bytes."""

    def exists(self, key: str) -> bool:
        """Tell whether the key is there."""

    def delete(self, key: str) -> None:
        """Remove the key if it exists."""

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below the folder `prefix` ('' for all), sorted."""

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below the folder `prefix`, with the time of their last change."""

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below the folder `prefix`."""

    def remove_leftovers(self, older_than_seconds: float, *, dry_run: bool) -> int:
        """Remove files that interrupted writes left behind. Returns their number."""


_ANY_RUN: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class FolderStore:
    """Files under one folder. A write survives a power cut once it has returned.

    What is made is as private as the folder that it is in, so a home for its owner alone holds nothing else; with `is_private` it
    is for the owner alone in any folder.
    """

    def __init__(self, root: Path, *, is_private: bool = False) -> None:
        self.root = root
        self._most = stat.S_IRWXU if is_private else 0o777

    def path(self, key: str) -> Path:
        """Return the file of `key`."""
        return self.root / key

    def write(self, key: str, data: bytes) -> None:
        """Write under a temporary name in the same folder, sync, rename, sync the folder."""
        path = self.path(key)
        self._make_folder(path.parent)
        temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            _write_synced(temporary, data, _mode_below(path.parent) & self._most & ~_ANY_RUN)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def read(self, key: str) -> bytes:
        """Return all bytes."""
        return self.path(key).read_bytes()

    def size(self, key: str) -> int:
        """Return the number of bytes."""
        return self.path(key).stat().st_size

    def exists(self, key: str) -> bool:
        """Tell whether the key is there."""
        return self.path(key).is_file()

    def delete(self, key: str) -> None:
        """Remove the file if it exists."""
        self.path(key).unlink(missing_ok=True)

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield keys in order. Skips unfinished writes, which have hidden names."""
        for folder, subfolders, files in os.walk(self.root / prefix):
            subfolders.sort()
            for name in sorted(files):
                if not name.startswith("."):
                    yield (Path(folder) / name).relative_to(self.root).as_posix()

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield files. Skips those that are deleted meanwhile."""
        for key in self.list_keys(prefix):
            with suppress(FileNotFoundError):
                yield StoredObject(key, self.path(key).stat().st_mtime)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield names of folders; none where there is no such folder."""
        with suppress(FileNotFoundError):
            yield from (entry.name for entry in os.scandir(self.root / prefix) if entry.is_dir())

    def remove_leftovers(self, older_than_seconds: float, *, dry_run: bool) -> int:
        """Remove temporary files of killed writers."""
        count, limit = 0, time.time() - older_than_seconds
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder) / name
                with suppress(FileNotFoundError):
                    if _TEMPORARY.fullmatch(name) and path.stat().st_mtime < limit:
                        count += 1
                        if not dry_run:
                            path.unlink()
        return count

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(mode=_mode_below(folder.parent) & self._most, exist_ok=True)
        _sync_folder(folder.parent)


def _mode_below(folder: Path) -> int:
    """The mode of what is made in a folder. Who may not list it gets nothing in it."""
    mode = folder.stat().st_mode & 0o777
    for may_list, all_rights in ((stat.S_IRGRP, stat.S_IRWXG), (stat.S_IROTH, stat.S_IRWXO)):
        mode &= ~0 if mode & may_list else ~all_rights
    return mode


class ObjectStore:
    """Objects on any fsspec file system. Each write is a single put, which object stores apply atomically."""

    def __init__(self, file_system: Any, root: str) -> None:
        self._file_system = file_system
        self._root = root.rstrip("/")

    def write(self, key: str, data: bytes) -> None:
        """Put the object."""
        path = self._path(key)
        self._file_system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        self._file_system.pipe_file(path, data)

    def read(self, key: str) -> bytes:
        """Return all bytes."""
        data: bytes = self._file_system.cat_file(self._path(key))
        return data

    def size(self, key: str) -> int:
        """Return the number of bytes."""
        return int(self._file_system.size(self._path(key)))

    def exists(self, key: str) -> bool:
        """Whether the object exists."""
        return bool(self._file_system.exists(self._path(key)))

    def delete(self, key: str) -> None:
        """Remove the object if it exists."""
        try:
            self._file_system.rm_file(self._path(key))
        except FileNotFoundError:
            return

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield keys in order."""
        start = len(self._root) + 1
        base = f"{self._root}/{prefix}".rstrip("/")
        for path in sorted(self._file_system.find(base)):
            yield path[start:]

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield objects. One whose age the store does not report counts as new."""
        start = len(self._root) + 1
        try:
            found = self._file_system.find(f"{self._root}/{prefix}", detail=True)
        except FileNotFoundError:
            return
        for path, about in found.items():
            moment = next((about[name] for name in _MODIFIED if about.get(name)), None)
            yield StoredObject(path[start:], moment.timestamp() if isinstance(moment, datetime) else time.time())

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield names of folders, by one request for each thousand of them."""
        try:
            found = self._file_system.ls(f"{self._root}/{prefix}", detail=True)
        except FileNotFoundError:
            return
        for entry in found:
            if entry["type"] == "directory":
                yield entry["name"].rstrip("/").rpartition("/")[2]

    def remove_leftovers(self, older_than_seconds: float, *, dry_run: bool) -> int:  # noqa: ARG002
        """Does nothing: a put is atomic and leaves no files behind."""
        return 0

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
