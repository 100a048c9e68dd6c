"""Backups as an incremental folder or as one .tar file."""

import io
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from backend.errors import BackupDamaged, FileUnreadable, StorageFull
from backend.features.backup.manifest import MANIFEST, sha256_of
from backend.files.storage import FULL, FolderStore

_TAR = ".tar"
SCRATCH = ".backup-"
# The dump contains credentials: hashes of keys and passwords, secrets of webhooks.
_OWNER_ONLY = 0o600
_OWN = re.compile(r"originals|thumbnails|database-\w+\.dump|SHA256SUMS(-\w+)?|\..*")


class Target(Protocol):
    """Receives the files of a backup. The backup is valid once `finish` has returned."""

    def has(self, name: str, sha256: str) -> bool:
        """Whether the file already exists with this checksum."""

    def put(self, name: str, data: bytes) -> None:
        """Add a small file."""

    def put_file(self, name: str, path: Path) -> None:
        """Add a file of any size. It may be moved."""

    def finish(self, manifest: bytes) -> None:
        """Write the manifest. This replaces an older backup atomically."""


class FolderTarget:
    """A folder. Existing originals are kept; the manifest is replaced last, atomically."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = FolderStore(folder, is_private=True)

    def has(self, name: str, sha256: str) -> bool:
        path = self.folder / name
        return path.is_file() and sha256_of(path) == sha256

    def put(self, name: str, data: bytes) -> None:
        self._store.write(name, data)

    def put_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            os.fchmod(file.fileno(), _OWNER_ONLY)
            os.fsync(file.fileno())
        path.replace(self.folder / name)

    def finish(self, manifest: bytes) -> None:
        self.put(MANIFEST, manifest)


class TarTarget:
    """A .tar file, written under another name until it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.partial")
        self._draft.unlink(missing_ok=True)  # of a run that was killed
        self._draft.touch(_OWNER_ONLY)
        self._tar = tarfile.open(self._draft, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by finish and abandon

    def has(self, name: str, sha256: str) -> bool:  # noqa: ARG002 - a new file has nothing
        return False

    def put(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))
        self._tar.members = []  # type: ignore[attr-defined]  # otherwise tarfile keeps every entry in memory

    def put_file(self, name: str, path: Path) -> None:
        info = tarfile.TarInfo(name)
        info.size = path.stat().st_size
        with path.open("rb") as file:
            self._tar.addfile(info, file)

    def finish(self, manifest: bytes) -> None:
        self.put(MANIFEST, manifest)
        self._tar.close()
        with self._draft.open("rb") as file:
            os.fsync(file.fileno())
        self._draft.replace(self._path)

    def abandon(self) -> None:
        self._tar.close()
        self._draft.unlink(missing_ok=True)


@contextmanager
def open_target(path: Path) -> Iterator[Target]:
    """Open a target. `path` is a .tar file if it has that suffix, otherwise a folder, which is created if missing.

    Raises:
        FileUnreadable: the path cannot be written, or the folder contains something else.
        StorageFull: the disk is full.
    """
    try:
        if path.suffix == _TAR:
            tar = TarTarget(path)
            try:
                yield tar
            finally:
                tar.abandon()
            return
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (path / MANIFEST).exists() and not all(_OWN.fullmatch(entry.name) for entry in path.iterdir()):
            raise FileUnreadable(
                f"{path} holds other files than a backup.", hint="Name a new folder, or an older backup."
            )
        for leftover in path.glob(f"{SCRATCH}*"):  # of a run that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        yield FolderTarget(path)
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(
                f"There is not enough disk space in {path}.", hint="Free disk space, then try again."
            ) from error
        raise FileUnreadable(f"{path} cannot be written: {error.strerror}.", hint="Choose another place.") from error


class Source(Protocol):
    """Provides the files of a backup. Raises BackupDamaged if one is missing."""

    def read(self, name: str) -> bytes:
        """All bytes of a small file."""

    def copy(self, name: str, path: Path) -> None:
        """Write a file of any size to `path`."""


class FolderSource:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            raise _missing_file(name) from None

    def copy(self, name: str, path: Path) -> None:
        try:
            with (self._folder / name).open("rb") as source, path.open("wb") as copy:
                while piece := source.read(1024 * 1024):
                    copy.write(piece)
        except FileNotFoundError:
            raise _missing_file(name) from None


class TarSource:
    """Random access to a .tar file. Only the offset and length of each member are kept in memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._places: dict[str, tuple[int, int]] = {}
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                while (info := tar.next()) is not None:
                    self._places[info.name] = (info.offset_data, info.size)
                    tar.members = []  # type: ignore[attr-defined]
        except tarfile.TarError as error:
            self._file.close()
            raise BackupDamaged(f"{path} is not a complete .tar file ({error}).") from error

    def read(self, name: str) -> bytes:
        start, length = self._place(name)
        self._file.seek(start)
        return self._file.read(length)

    def copy(self, name: str, path: Path) -> None:
        start, left = self._place(name)
        self._file.seek(start)
        with path.open("wb") as copy:
            while left and (piece := self._file.read(min(left, 1024 * 1024))):
                copy.write(piece)
                left -= len(piece)

    def close(self) -> None:
        self._file.close()

    def _place(self, name: str) -> tuple[int, int]:
        if name not in self._places:
            raise _missing_file(name)
        return self._places[name]


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a backup. Raises FileUnreadable if there is none, and BackupDamaged."""
    try:
        if path.is_dir():
            yield FolderSource(path)
            return
        tar = TarSource(path)
        try:
            yield tar
        finally:
            tar.close()
    except OSError as error:
        raise FileUnreadable(
            f"{path} cannot be read: {error.strerror}.", hint="Name the folder or file of a backup."
        ) from error


def _missing_file(name: str) -> BackupDamaged:
    return BackupDamaged(
        f"{name} is not in the backup.", hint="Use another backup. A backup that was interrupted is incomplete."
    )
