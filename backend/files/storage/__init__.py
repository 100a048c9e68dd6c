"""Storage of originals and thumbnails."""

from backend.files.storage.keys import check_key, original_key, sha256_of_key
from backend.files.storage.storage import FULL, Storage
from backend.files.storage.stores import FolderStore, StoredObject
from backend.files.storage.thumbnail_files import (
    THUMBNAIL_FOLDERS,
    possible_keys,
    read_thumbnail,
    thumbnail_keys,
    write_thumbnails,
)

__all__ = [
    "FULL",
    "THUMBNAIL_FOLDERS",
    "FolderStore",
    "Storage",
    "StoredObject",
    "check_key",
    "original_key",
    "possible_keys",
    "read_thumbnail",
    "sha256_of_key",
    "thumbnail_keys",
    "write_thumbnails",
]
