"""Keyset pagination cursors: the sort key of the last row, as an opaque string."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from backend.documents import read_json
from backend.errors import InputError
from backend.files.text import is_storable

_MOST = 2**63


def write_cursor(*key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> list[Any]:
    """Decode the key of a cursor. `kinds` are the types of its parts: int (64 bits), float, str, datetime or UUID.

    Raises:
        InputError: this server did not write the cursor.
    """
    try:
        key = read_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [_read_part(part, kind) for part, kind in zip(_list_of(key), kinds, strict=True)]
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise InputError(
            "This cursor is not valid.", hint="Use `next_cursor` from the previous page, or omit the cursor."
        ) from None


def _list_of(key: object) -> list[object]:
    if not isinstance(key, list):
        raise TypeError
    return key


def _read_part(part: object, kind: type) -> Any:
    if kind in {int, float}:
        if not isinstance(part, int if kind is int else int | float) or isinstance(part, bool):
            raise TypeError
        if kind is int and not -_MOST <= part < _MOST:
            raise OverflowError
        return kind(part)
    if not isinstance(part, str) or not is_storable(part):
        raise TypeError
    return datetime.fromisoformat(part) if kind is datetime else kind(part)
