"""Where a folder is gone on with: the place of what came last, which may have gone meanwhile."""

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from backend.errors import InputError

Place = tuple[tuple[bool, str], ...]
"""Of a file or folder among all below a top, in the order of `walk_pictures`: the folders on the way and itself, each as (is a
folder, name)."""


def place_of(path: Path, top: Path, *, is_folder: bool = False) -> Place:
    *folders, last = path.relative_to(top).parts or ("",)
    return (*((True, name) for name in folders), (is_folder, last))


def write_folder_cursor(place: Place) -> str:
    """Percent-encoded, for a name may be no UTF-8; a folder ends with a slash."""
    path = "/".join(name for _, name in place)
    return quote(os.fsencode(path)) + "/" * place[-1][0]


def read_folder_cursor(cursor: str) -> Place:
    """Raises InputError: this server did not write it."""
    try:
        *folders, last = os.fsdecode(unquote_to_bytes(cursor.removesuffix("/"))).split("/")
    except UnicodeEncodeError:
        last = ""
    if not last or cursor.startswith("/"):
        raise InputError(
            "This `after` value is not valid.", hint="Use `next_after` from the previous response, or omit it."
        )
    return (*((True, name) for name in folders), (cursor.endswith("/"), last))
