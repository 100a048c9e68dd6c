"""Keyset pages: the place after the last row, as an opaque string."""

import base64
import binascii
import json
from typing import Any

from backend.errors import InputError


def write_cursor(*key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def read_cursor(cursor: str, length: int) -> list[Any]:
    """The key of a cursor. Raises InputError for one that this server did not write."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list) or len(key) != length:
        raise InputError("This cursor cannot be read.", hint="Take `next_cursor` of the page before, or none.")
    return key
