"""Deletion of files that no picture refers to any more."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa

from backend.errors import MediaclusterError, OriginalMissing
from backend.files.storage import Storage, possible_keys
from backend.store.arrays import is_among
from backend.store.engine import Database
from backend.store.schema import Media

logger = logging.getLogger(__name__)

# Deleted files are kept in memory until it is certain that no picture refers to them.
_BATCH = 8


@dataclass(frozen=True)
class StoredFile:
    """The original of a picture, and the checksum that its thumbnails are named by."""

    sha256: bytes
    original_key: str


def remove_unheld_files(database: Database, storage: Storage, files: Sequence[StoredFile]) -> None:
    """Delete originals and thumbnails that no picture refers to. Failures are logged.

    The same file may be uploaded again at this moment. So references are checked again after each deletion, and the file is restored if
    there are any. An upload checks after its commit that its file exists.
    """
    for start in range(0, len(files), _BATCH):
        _remove_batch(database, storage, files[start : start + _BATCH])


def _remove_batch(database: Database, storage: Storage, files: Sequence[StoredFile]) -> None:
    held = _list_held(database, files)
    removed = {file.sha256: _remove(storage, file) for file in files if file.sha256 not in held}
    for sha256 in _list_held(database, [file for file in files if file.sha256 in removed]):
        for key, data in removed[sha256].items():
            storage.write(key, data)


def _remove(storage: Storage, file: StoredFile) -> dict[str, bytes]:
    """Delete the original and its thumbnails. Returns their content."""
    removed: dict[str, bytes] = {}
    for key in (file.original_key, *chain.from_iterable(possible_keys(file.sha256))):
        try:
            with suppress(OriginalMissing):
                removed[key] = storage.read(key)
                storage.delete(key)
        except MediaclusterError as error:
            logger.warning("A file of a deleted pictures stays behind (%s): %s", key, error.full_detail)
    return removed


def _list_held(database: Database, files: Sequence[StoredFile]) -> set[bytes]:
    """Checksums of the files that a picture refers to."""
    if not files:
        return set()
    with database.transaction() as session:
        found = session.scalars(sa.select(Media.sha256).where(is_among(Media.sha256, [file.sha256 for file in files])))
        return {sha256 for sha256 in found if sha256 is not None}
