"""Thumbnails in the storage, by the checksum of their original."""

from collections.abc import Mapping
from typing import Final

from backend.errors import OriginalMissing
from backend.files.decoding import THUMBNAIL_FORMATS, THUMBNAIL_SIDES
from backend.files.formats import WEBP
from backend.files.storage.keys import thumbnail_key
from backend.files.storage.storage import Storage

THUMBNAIL_FOLDERS: Final = tuple(f"thumbnails/{size}" for size in THUMBNAIL_SIDES)


def write_thumbnails(storage: Storage, sha256: bytes, thumbnails: Mapping[str, bytes]) -> None:
    """Store the thumbnails that `make_thumbnails` made, by size. Raises as `Storage.write`."""
    for size, content in thumbnails.items():
        storage.write(_key(sha256, size), content)


def read_thumbnail(storage: Storage, sha256: bytes, size: str) -> bytes:
    """The thumbnail of that size. Raises OriginalMissing and as `Storage.read`."""
    try:
        return storage.read(_key(sha256, size))
    except OriginalMissing:
        former = _former_key(sha256, size)
        if former is None:
            raise
        return storage.read(former)


def thumbnail_keys(sha256: bytes) -> list[str]:
    """The keys that thumbnails are written to, one per size."""
    return [_key(sha256, size) for size in THUMBNAIL_SIDES]


def possible_keys(sha256: bytes) -> list[tuple[str, ...]]:
    """The keys that each thumbnail may have, one entry per size: first the current key, then that of earlier versions."""
    return [
        tuple(key for key in (_key(sha256, size), _former_key(sha256, size)) if key is not None)
        for size in THUMBNAIL_SIDES
    ]


def _key(sha256: bytes, size: str) -> str:
    return thumbnail_key(sha256, size, THUMBNAIL_FORMATS[size].extension)


def _former_key(sha256: bytes, size: str) -> str | None:
    """The key in earlier versions, when all sizes were WebP; None if it is the current one. Old libraries still use it."""
    return None if THUMBNAIL_FORMATS[size] == WEBP else thumbnail_key(sha256, size, WEBP.extension)
