"""Exact copies. If a file is already stored, the text and metadata of the new copy fill empty fields of the stored picture."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backend.errors import NotFound, TransactionConflict
from backend.files.metadata import JSON, with_place
from backend.files.text import WORDS, MediaText
from backend.moments import GUESS_SOURCE
from backend.store.access import list_rewritten_fields
from backend.store.engine import Session
from backend.store.groups import mark_unlabelled
from backend.store.media import (
    ORIGINAL_KEY,
    Reading,
    digest_fields,
    get_media,
    get_media_for_update,
    list_readings,
    media_columns,
    record_exact_copy,
    record_readings,
    take_back,
)
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
        given: fields of these that a person gave.
        path_key: key of the file's path, None if it has none.
        sidecar: digests of what its sidecars say, by field.
        sidecars: number of its sidecars.
    """

    text: MediaText = field(default_factory=MediaText)
    place: Mapping[str, JSON] = field(default_factory=dict)
    folders: Sequence[str] = ()
    file_name: str = ""
    given: frozenset[str] = frozenset()
    path_key: bytes | None = None
    sidecar: Mapping[str, str] = field(default_factory=dict)
    sidecars: int = 0


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
    completed = _complete(session, media_id, beside)
    _record_reading(session, media_id, beside, completed)
    return completed


def _complete(session: Session, media_id: uuid.UUID, beside: Beside) -> tuple[str, ...]:
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
        renew_words(session, media)
    named = {"exif": PLACE, "folders": "", "file_name": ""}
    return tuple(name for column in missing if (name := named.get(column, column)))


def _record_reading(session: Session, media_id: uuid.UUID, beside: Beside, completed: Sequence[str]) -> None:
    """Keep what a copy says, for `refresh`: all of a file that was not read before, else what has completed the picture."""
    readings = list_readings(session, media_id)
    key = ORIGINAL_KEY if beside.path_key is None else beside.path_key
    known, original = readings.get(key), readings.get(ORIGINAL_KEY, Reading())
    now = digest_fields(beside.text, beside.place)
    given = {name: now[name] for name in beside.given & set(completed)}
    said = {name: digest for name in completed if (digest := beside.sidecar.get(name))}
    if known is not None:
        if given or said:
            sidecars = max(known.sidecars, beside.sidecars)
            reading = replace(known, said={**known.said, **said}, given={**known.given, **given}, sidecars=sidecars)
            record_readings(session, media_id, {key: reading})
    elif beside.path_key is None:
        record_readings(session, media_id, {key: Reading(given=given)})
    else:
        # The bytes are those of the original. Which moment wins is not known without reading them again.
        merged = {
            name: digest or original.said.get(name) for name, digest in beside.sidecar.items() if name != _TAKEN_AT
        }
        merged[PLACE] = original.said.get(PLACE) or beside.sidecar.get(PLACE)
        all_known = {name: digest for name, digest in merged.items() if digest is not None}
        record_readings(session, media_id, {key: Reading(all_known, given, beside.sidecars)})


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
    folders = join_folders(media.folders, beside.folders)
    return missing | ({"folders": folders} if folders != media.folders else {})


def join_folders(known: Sequence[str], others: Sequence[str]) -> list[str]:
    """The folders that a picture was in, with others."""
    return list(dict.fromkeys([*known, *others]))[:_MOST_FOLDERS]


def renew_words(session: Session, media: Media) -> None:
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
