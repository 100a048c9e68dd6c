"""Comparison of the storage with the rows, in 256 parts."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from backend.files.storage import THUMBNAIL_FOLDERS, Storage, StoredObject, possible_keys, sha256_of_key
from backend.store.engine import Database
from backend.store.integrity import HeldFile, list_held_files

PARTS = 256
# Younger files may belong to an upload that has not committed.
SETTLED_SECONDS = 3600.0
_FOLDERS = ("originals", *THUMBNAIL_FOLDERS)


@dataclass(frozen=True)
class Mismatch:
    """Differences in one part: files without a row, by checksum, and rows with missing files."""

    orphans: dict[bytes, list[str]]
    without_original: list[HeldFile]
    without_thumbnails: list[HeldFile]
    files: int
    rows: int


def compare(database: Database, storage: Storage) -> Iterator[Mismatch]:
    """Yield the differences of each of PARTS parts, including empty ones. Memory holds one part at a time.

    Files are listed before rows are read, so that the files of a new row do not look like orphans. A row that seems to miss a file is
    checked again. Folders that are not there at the beginning are not listed: each would be a request to an object store.
    """
    folders = [f"{above}/{name}" for above in _FOLDERS for name in storage.list_folders(above)]
    for first in range(PARTS):
        listed = [folder for folder in folders if folder.endswith(f"/{first:02x}")]
        objects = {found.key: found for folder in listed for found in storage.list_objects(folder)}
        with database.transaction() as session:
            rows = list_held_files(session, first)
        yield _compare(storage, objects, rows)


def _compare(storage: Storage, objects: dict[str, StoredObject], rows: list[HeldFile]) -> Mismatch:
    held = {row.sha256 for row in rows}
    settled = time.time() - SETTLED_SECONDS
    orphans: dict[bytes, list[str]] = {}
    for key, found in objects.items():
        sha256 = sha256_of_key(key)
        if sha256 is not None and sha256 not in held and found.modified_at < settled:
            orphans.setdefault(sha256, []).append(key)
    without_original, without_thumbnails = [], []
    for row in rows:
        if row.original_key not in objects and not storage.exists(row.original_key):
            if not row.given_up:
                without_original.append(row)
        elif row.has_thumbnails and not all(
            any(key in objects or storage.exists(key) for key in keys) for keys in possible_keys(row.sha256)
        ):
            without_thumbnails.append(row)
    return Mismatch(orphans, without_original, without_thumbnails, len(objects), len(rows))


def media_ids(rows: list[HeldFile]) -> list[uuid.UUID]:
    return [row.media_id for row in rows]
