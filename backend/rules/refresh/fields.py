"""The decision about each field when a file is read again: its value last time, its value now, what is shown, and what people set."""

from collections.abc import Collection, Mapping
from enum import StrEnum


class FileRole(StrEnum):
    """What a file is to its picture."""

    KNOWN = "known"
    """Its words were read before."""
    MOVED = "moved"
    """Its words were not read before, and the file that the picture came from is gone: this may be it in another place."""
    COPY = "copy"
    """Its words were not read before, and the file that the picture came from is still there."""
    ORIGINAL = "original"
    """The original in the library's storage."""


class Outcome(StrEnum):
    """The decision on a field."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    REMOVED = "removed"
    KEPT = "kept"
    """The file says something new, but people set the field."""


def decide_fields(
    role: FileRole,
    now: Mapping[str, str],
    *,
    said: Mapping[str, str],
    shown: Mapping[str, str],
    by_hand: Collection[str] = (),
    heard: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Outcome]:
    """Decide each field of `now`. Values are compared only, so digests serve as well; '' is an empty field.

    - Only what is new in a file counts: another value than the same file had last time. What is shown already is unchanged.
    - A field that people set is kept.
    - A value that vanished from a file is removed if it is the one that is shown, and stays if another source gave that.
    - A file in a new place removes nothing, and a value that any file of the picture had before is not new in it.
    - A copy of a file that is still there, and a file whose last value is unknown, fill empty fields only.
    - The stored original replaces only what it gave itself, since sidecars win over it.

    Args:
        role: what the file is to its picture.
        now: values of the file, by field. Fields that could not be read are missing.
        said: its values last time; a missing one is unknown.
        shown: values of the picture.
        by_hand: fields that people set, also if they emptied them.
        heard: all values that any file of the picture had before.
    """
    return {
        name: _decide(
            role,
            value,
            said.get(name),
            shown.get(name, ""),
            is_by_hand=name in by_hand,
            is_heard=value in (heard or {}).get(name, ()),
        )
        for name, value in now.items()
    }


def _decide(role: FileRole, now: str, said: str | None, shown: str, *, is_by_hand: bool, is_heard: bool) -> Outcome:
    if now == shown:
        return Outcome.UNCHANGED
    if role is FileRole.MOVED:
        is_new = bool(now) and not is_heard
    elif role is FileRole.COPY or said is None:
        return Outcome.CHANGED if not shown and not is_by_hand else Outcome.UNCHANGED
    else:
        is_new = now != said
    if role is FileRole.ORIGINAL and shown not in ("", said):
        is_new = False
    if not is_new:
        return Outcome.UNCHANGED
    if is_by_hand:
        return Outcome.KEPT
    if now:
        return Outcome.CHANGED
    return Outcome.REMOVED if shown == said else Outcome.UNCHANGED
