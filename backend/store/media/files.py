"""Files that no media speaks of any more."""

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

# What is removed is kept in memory until it is certain that nobody has it.
_BATCH = 8


@dataclass(frozen=True)
class StoredFile:
    """The original of a media, and what its thumbnails are named by."""

    sha256: bytes
    original_key: str


def remove_unheld_files(database: Database, storage: Storage, files: Sequence[StoredFile]) -> None:
    """Remove originals and thumbnails whose bytes no media has. What cannot be removed is logged.

    The same bytes may be uploaded again at this very moment. So it is looked once more after each removal, and the
    file put back where somebody has them by then; whoever takes bytes in looks whether they are there after its commit.
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
    """Remove the original and its thumbnails; returns what they held."""
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
    """Checksums of these files that some media has."""
    if not files:
        return set()
    with database.transaction() as session:
        found = session.scalars(sa.select(Media.sha256).where(is_among(Media.sha256, [file.sha256 for file in files])))
        return {sha256 for sha256 in found if sha256 is not None}
