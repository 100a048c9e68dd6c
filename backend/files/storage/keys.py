"""Keys of originals and thumbnails in the storage, and their validation."""

import re
from typing import Final

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_NAMED: Final = re.compile(
    r"[a-z/]+/(?P<first>[0-9a-f]{2})/(?P<second>[0-9a-f]{2})/(?P<digits>[0-9a-f]{64})\.[A-Za-z0-9]+"
)
_MAX_CHARACTERS: Final = 512
_SHA256_BYTES: Final = 32


def original_key(sha256: bytes, extension: str) -> str:
    """Return `originals/ab/cd/<hex>.<ext>`; `sha256` is 32 bytes, `extension` has no dot."""
    return f"originals/{_fan_out(sha256)}.{_word(extension)}"


def thumbnail_key(sha256: bytes, size: str, extension: str) -> str:
    """Return `thumbnails/<size>/ab/cd/<hex>.<ext>`. See `backend.files.storage.thumbnail_files` for the sizes in use."""
    return f"thumbnails/{_word(size)}/{_fan_out(sha256)}.{_word(extension)}"


def sha256_of_key(key: str) -> bytes | None:
    """The checksum in a key; None if the key has none."""
    found = _NAMED.fullmatch(key)
    if found is None or not found["digits"].startswith(found["first"] + found["second"]):
        return None
    return bytes.fromhex(found["digits"])


def check_key(key: str) -> str:
    """Return `key` if it is relative and consists of plain segments (no `..`, none hidden). Raises ValueError."""
    if len(key) > _MAX_CHARACTERS or not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise ValueError(f"{key[:100]!r} is not a valid storage key")
    return key


def _word(part: str) -> str:
    if not (part.isascii() and part.isalnum()):
        raise ValueError(f"{part[:100]!r} cannot be part of a storage key")
    return part


def _fan_out(sha256: bytes) -> str:
    if len(sha256) != _SHA256_BYTES:
        raise ValueError(f"a SHA-256 has {_SHA256_BYTES} bytes, not {len(sha256)}")
    digits = sha256.hex()
    return f"{digits[:2]}/{digits[2:4]}/{digits}"
