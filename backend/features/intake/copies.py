"""Exact copies. If a file is already stored, the text and metadata of the new copy fill empty fields of the stored picture."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.errors import NotFound, TransactionConflict
from backend.files.metadata import JSON, with_place
from backend.files.text import WORDS, MediaText
from backend.moments import GUESS_SOURCE
from backend.store.access import list_rewritten_fields
from backend.store.engine import Session
from backend.store.groups import mark_unlabelled
from backend.store.media import get_media, get_media_for_update, media_columns, record_exact_copy, take_back
from backend.store.schema import EMBEDDED_STATUSES, Media
from backend.store.spaces import find_active_space, find_fill, queue_elsewhere, queue_words, start_fill

PLACE = "place"
_TAKEN_AT = "taken_at"
_FIELDS = (*WORDS, "keywords", _TAKEN_AT)
_MOST_FOLDERS = 100
_WORDS_MAKER = "import"


@dataclass(frozen=True)
class Beside:
    """What accompanies the bytes of a picture.

    Attributes:
        text: its text fields, and when it was taken.
        place: its coordinates, by their names in `exif`.
        folders: names of the folders and albums that it was in.
        file_name: name of its file, as `clean_file_name` returns it.
    """

    text: MediaText = field(default_factory=MediaText)
    place: Mapping[str, JSON] = field(default_factory=dict)
    folders: Sequence[str] = ()
    file_name: str = ""


def record_copy(
    session: Session, media_id: uuid.UUID, source: str, source_uri: str | None, beside: Beside
) -> tuple[str, ...]:
    """Count a copy of a stored picture, and fill the picture's empty fields from the copy. Returns the names of the filled fields,
    without folders and file name.

    Never replaces a value, except a guessed date. A field that a person has edited stays, even if empty. Workers
    recompute the text vectors: ring for `Work.FILL` after the transaction.

    Raises:
        TransactionConflict: the picture was deleted meanwhile.
    """
    try:
        return _record_copy(session, media_id, source, source_uri, beside)
    except NotFound as error:
        raise TransactionConflict("The picture with the same file was deleted meanwhile.", hint="Try again.") from error


def _record_copy(
    session: Session, media_id: uuid.UUID, source: str, source_uri: str | None, beside: Beside
) -> tuple[str, ...]:
    record_exact_copy(session, media_id, source, source_uri)
    if not _missing(get_media(session, media_id), beside):
        return ()
    media = get_media_for_update(session, media_id)
    new = media_columns(beside.text)
    missing = _missing(media, beside)
    for name in list_rewritten_fields(session, str(media_id)):
        missing.pop(name, None)
    for column, value in missing.items():
        setattr(media, column, value)
    if _TAKEN_AT in missing:
        for column in new.keys() - set(_FIELDS):  # precision and source of the date
            setattr(media, column, new[column])
    if missing.keys() & set(_FIELDS):
        _renew_words(session, media)
    named = {"exif": PLACE, "folders": "", "file_name": ""}
    return tuple(name for column in missing if (name := named.get(column, column)))


def _missing(media: Media, beside: Beside) -> dict[str, Any]:
    """Columns to change, with their new values."""
    new = media_columns(beside.text)
    missing = {name: new[name] for name in _FIELDS if new[name] and not getattr(media, name)}
    if new[_TAKEN_AT] and media.taken_at_source == GUESS_SOURCE != beside.text.taken_at_source:
        missing[_TAKEN_AT] = new[_TAKEN_AT]  # a guessed date counts as empty
    if (exif := with_place(media.exif, beside.place)) != media.exif:
        missing["exif"] = exif
    if beside.file_name and not media.file_name:
        missing["file_name"] = beside.file_name
    folders = list(dict.fromkeys([*media.folders, *beside.folders]))[:_MOST_FOLDERS]
    return missing | ({"folders": folders} if folders != media.folders else {})


def _renew_words(session: Session, media: Media) -> None:
    """Queue the picture for new text vectors."""
    if media.status in EMBEDDED_STATUSES:
        active = find_active_space(session)
        if active is not None and find_fill(session, active.id) is None:
            start_fill(session, active.id, _WORDS_MAKER)
        session.flush()
        queue_elsewhere(session, None, [media.id])
        mark_unlabelled(session, media.id)
    else:
        # A worker may have read the old text, so its lease ends. A picture that failed after embedding may return with its
        # old vectors, so the text is queued as well.
        take_back(session, media)
        queue_words(session, media.id)
