"""Cursors for resuming a folder import. A cursor names the last file returned, which may have been deleted since."""

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from backend.errors import InputError

SortKey = tuple[tuple[bool, str], ...]
"""Sort key of a file or folder below a top folder, in the order of `walk_pictures`: (is a folder, name) for each folder on the
way and for the entry itself."""


def sort_key_of(path: Path, top: Path, *, is_folder: bool = False) -> SortKey:
    *folders, last = path.relative_to(top).parts or ("",)
    return (*((True, name) for name in folders), (is_folder, last))


def write_folder_cursor(key: SortKey) -> str:
    """Encode a sort key, percent-encoded because names need not be valid UTF-8. Folders end with a slash."""
    path = "/".join(name for _, name in key)
    return quote(os.fsencode(path)) + "/" * key[-1][0]


def read_folder_cursor(cursor: str) -> SortKey:
    """Decode a cursor. Raises InputError if this server did not write it."""
    try:
        *folders, last = os.fsdecode(unquote_to_bytes(cursor.removesuffix("/"))).split("/")
    except UnicodeEncodeError:
        last = ""
    if not last or cursor.startswith("/"):
        raise InputError(
            "This `after` value is not valid.", hint="Use `next_after` from the previous response, or omit it."
        )
    return (*((True, name) for name in folders), (cursor.endswith("/"), last))
