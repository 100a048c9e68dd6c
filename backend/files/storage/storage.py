"""The storage of originals and thumbnails: a local folder, or any fsspec URL (S3, memory, ...)."""

import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import fsspec
from fsspec.implementations.local import LocalFileSystem

from backend.errors import BackendUnavailable, ConfigurationError, OriginalMissing, StorageFull
from backend.files.storage.keys import check_key
from backend.files.storage.stores import FolderStore, ObjectStore, Store, StoredObject
from backend.redaction import Redactor, storage_secrets, without_credentials

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Storage:
    """Stores bytes by key. Keys come from `backend.files.storage.keys`; an invalid one raises ValueError.

    Every method raises BackendUnavailable if the store cannot be reached. Open an object store after a fork, since its
    connections do not survive one.
    """

    def __init__(self, store: Store, url: str, redact: Redactor) -> None:
        self._store = store
        self._redact = redact
        self._shown_url = without_credentials(url)

    @classmethod
    def open(cls, url: str, options: Mapping[str, Any] | None = None) -> Self:
        """Create a storage from an fsspec URL (a bare path is a local folder). Does not connect yet.

        Raises:
            ConfigurationError: the URL or its options cannot be used, or the file system's package is missing.

        """
        redact, shown_url = Redactor(storage_secrets(url, options or {})), without_credentials(url)
        try:
            # Listings must not be cached: other processes write too.
            defaults = {} if _is_local(url) else {"use_listings_cache": False}
            file_system, root = fsspec.core.url_to_fs(url, **(defaults | dict(options or {})))
        except ImportError as error:
            raise ConfigurationError(
                f"The storage {shown_url} needs a package that is missing ({redact(str(error))}).",
                hint="For S3: pip install 'mediacluster[s3]'.",
            ) from None
        except Exception as error:  # noqa: BLE001 - drivers have exceptions of their own
            raise ConfigurationError(
                f"The storage {shown_url} cannot be used ({redact(str(error))}).",
                hint="Correct MEDIACLUSTER_STORAGE_URL and MEDIACLUSTER_STORAGE_OPTIONS.",
            ) from None
        store = FolderStore(Path(root)) if isinstance(file_system, LocalFileSystem) else ObjectStore(file_system, root)
        return cls(store, url, redact)

    def write(self, key: str, data: bytes) -> None:
        """Store `data` durably and atomically. Replaces an existing object of that key.

        Raises:
            StorageFull: no space or quota left.

        """
        with self._translated(check_key(key)):
            self._store.write(key, data)

    def read(self, key: str) -> bytes:
        """Return the bytes; raises OriginalMissing."""
        with self._translated(check_key(key)):
            return self._store.read(key)

    def size(self, key: str) -> int:
        """Return the number of bytes; raises OriginalMissing."""
        with self._translated(check_key(key)):
            return self._store.size(key)

    def exists(self, key: str) -> bool:
        """Whether the key exists."""
        with self._translated(check_key(key)):
            return self._store.exists(key)

    def delete(self, key: str) -> None:
        """Remove the key. It is not an error if it does not exist."""
        with self._translated(check_key(key)):
            self._store.delete(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys below the folder `prefix` (e.g. "originals"), sorted."""
        if prefix:
            check_key(prefix)
        with self._translated(prefix):
            yield from self._store.list_keys(prefix)

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below the folder `prefix`, with the time of their last change, in no particular order."""
        with self._translated(check_key(prefix)):
            yield from self._store.list_objects(prefix)

    def list_folders(self, prefix: str) -> set[str]:
        """Return the names of the folders directly below the folder `prefix`. Where there is no such folder there are none."""
        with self._translated(check_key(prefix)):
            return set(self._store.list_folders(prefix))

    def remove_leftovers(self, older_than_seconds: float, *, dry_run: bool = False) -> int:
        """Remove files that killed writers left behind. Returns their number."""
        with self._translated(""):
            return self._store.remove_leftovers(older_than_seconds, dry_run=dry_run)

    def local_path(self, key: str) -> Path | None:
        """Return the file of a key; None if the storage is not a local folder or the key does not exist."""
        check_key(key)
        if not isinstance(self._store, FolderStore):
            return None
        path = self._store.path(key)
        return path if path.is_file() else None

    def check(self) -> None:
        """Write, read and delete a probe. Raises as these do."""
        key, data = f"probes/{uuid.uuid4().hex}", b"mediacluster"
        self.write(key, data)
        try:
            if self.read(key) != data:
                raise BackendUnavailable(
                    "The storage returned different bytes than were written.",
                    reason=self._shown_url,
                    hint="Check the disk or service behind the storage.",
                )
        finally:
            self.delete(key)

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise OriginalMissing(
                f"{key} is not in the storage.",
                reason=self._shown_url,
                hint="Restore it from a backup, or delete the picture.",
                key=key,
            ) from None
        except OSError as error:
            if error.errno in FULL:
                raise StorageFull(
                    "The storage is full.", reason=self._shown_url, hint="Free disk space, then try again."
                ) from error
            raise self._unavailable(error) from error
        except Exception as error:  # drivers have exceptions of their own, e.g. botocore's
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> BackendUnavailable:
        number = error.errno if isinstance(error, OSError) else None
        return BackendUnavailable(
            # The system's message contains no path, so it may be shown to uploaders.
            f"The storage cannot be used: {os.strerror(number)}." if number else "The storage cannot be reached.",
            reason=f"{self._shown_url} ({self._redact(str(error))})",
            hint="Run `mediacluster doctor` for details.",
        )


def _is_local(url: str) -> bool:
    return "://" not in url or url.startswith(("file://", "local://"))
