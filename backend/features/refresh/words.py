"""Refresh of words: what programs have changed in files and their sidecars since these were read is taken up.

What a file said is kept with its picture (`backend.store.media.readings`), so only what is new in it counts, and a second run
changes nothing. Each picture is a transaction of its own, under the lock of its row: a curator who saves meanwhile wins.
"""

import hashlib
import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backend.doorbell import Work
from backend.errors import BackendUnavailable, FileUnreadable, InputError, MediaclusterError, NotFound
from backend.features.editing import Wording
from backend.features.intake import (
    Given,
    ImportItem,
    Words,
    join_folders,
    place_in,
    read_words,
    renew_words,
)
from backend.features.services import Services
from backend.files.folders import FileWarning, Sidecar, SidecarReader, read_regular
from backend.files.metadata import PLACE_NAMES, EmbeddedMetadata
from backend.files.text import MediaText, make_storable
from backend.moments import GUESS_SOURCE
from backend.rules.refresh import FileRole, Outcome, decide_fields
from backend.store.access import Act, list_rewritten_fields, record_act
from backend.store.engine import Session
from backend.store.integrity import list_held_files
from backend.store.media import (
    ORIGINAL_KEY,
    Reading,
    digest_fields,
    find_media,
    find_media_by_sha256,
    find_media_read_from,
    get_media,
    get_media_for_update,
    key_of_path,
    list_readings,
    media_columns,
    record_readings,
)
from backend.store.schema import Media

logger = logging.getLogger(__name__)

PARTS = 256
"""Originals are looked at in as many parts, by the first byte of their checksum."""

_SHOWN = 100
_AT_ONCE = 64
_TAKEN_AT, _PLACE, _FOLDERS = "taken_at", "place", "folders"
# Pixels are compared at no less than twice this many on the shorter side.
_COMPARED_PIXELS = 1024


@dataclass(frozen=True)
class FieldChange:
    """A field of a picture that changes: texts, lists of texts, moments in ISO 8601, or coordinates by name; empty for none."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class PictureChanges:
    """What changes of a picture.

    Attributes:
        media_id: the picture.
        path: the file that says so; empty for the original in the storage.
        changes: the fields that change.
        kept: fields of which the file says something new, but which people set.
    """

    media_id: uuid.UUID
    path: str
    changes: tuple[FieldChange, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class RefreshFailure:
    """A file that could not be read, and why."""

    path: str
    code: str
    detail: str


@dataclass
class WordsReport:
    """What was looked at and, unless `dry_run`, changed. Lists have the first 100.

    Attributes:
        dry_run: whether nothing was changed.
        looked_at: how many files were looked at.
        unchanged: of how many nothing changed.
        changed: how many brought something new to their pictures.
        fields: how many pictures changed, by field.
        kept: how many pictures keep a field that people set, by field.
        rewritten: files in which a program has written other metadata: other bytes, the same pixels.
        unreadable: files whose sidecars, or some of them, could not be read or are gone. Nothing was removed for them.
        not_in_library: files that no picture of the library has come from.
        other_pixels: files whose pixels are not those of the picture that came from there any more.
        failed: files that could not be read.
        not_in_library_paths: their paths.
        other_pixels_paths: their paths.
        failures: the failed files, and why.
        warnings: what is not right with sidecars.
        warned: how many warnings there are.
        renewed: the pictures whose words are to be embedded again, all of them, with a file of each.
    """

    dry_run: bool
    looked_at: int = 0
    unchanged: int = 0
    changed: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    rewritten: int = 0
    unreadable: int = 0
    not_in_library: int = 0
    other_pixels: int = 0
    failed: int = 0
    warned: int = 0
    not_in_library_paths: list[str] = field(default_factory=list)
    other_pixels_paths: list[str] = field(default_factory=list)
    failures: list[RefreshFailure] = field(default_factory=list)
    warnings: list[FileWarning] = field(default_factory=list)
    renewed: dict[uuid.UUID, str] = field(default_factory=dict)

    def count(self, changes: PictureChanges) -> None:
        """Count what changes of a picture."""
        self.changed += bool(changes.changes)
        self.unchanged += not changes.changes
        for one in changes.changes:
            self.fields[one.field] = self.fields.get(one.field, 0) + 1
        for name in changes.kept:
            self.kept[name] = self.kept.get(name, 0) + 1

    def fail(self, path: str, error: MediaclusterError) -> None:
        self.failed += 1
        if len(self.failures) < _SHOWN:
            self.failures.append(RefreshFailure(path, error.code, str(error)))

    def warn(self, warnings: Sequence[FileWarning]) -> None:
        """Note warnings. Pictures that share a sidecar, or dispute one, follow each other, and are told the same."""
        new = [one for one in warnings if one not in self.warnings[-_SHOWN:]]
        self.warned += len(new)
        self.warnings += new[: _SHOWN - len(self.warnings)]


OnChange = Callable[[PictureChanges], None]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Found:
    """A file that was read. `path` is None for the original in the storage."""

    path: Path | None
    sha256: bytes
    embedded: EmbeddedMetadata
    sidecar: Sidecar = field(default_factory=Sidecar)
    given: Given = field(default_factory=Given)

    @property
    def name(self) -> str:
        return "" if self.path is None else make_storable(str(self.path))

    @property
    def key(self) -> bytes:
        return ORIGINAL_KEY if self.path is None else key_of_path(str(self.path))


def refresh_files(
    services: Services,
    items: Sequence[ImportItem],
    *,
    dry_run: bool = False,
    actor: str = "refresh",
    on_change: OnChange = lambda _change: None,
    on_progress: OnProgress = lambda _done, _total: None,
) -> WordsReport:
    """Take up what has changed in files and their sidecars. `items` come from `list_items`. The library may be in use.

    Raises:
        StorageFull, BackendUnavailable: what was taken up until then stays so.
    """
    report = WordsReport(dry_run)
    run = _Run(services, report, actor, on_change)
    sidecars = SidecarReader(services.limits)

    def look(asked: tuple[ImportItem, Sidecar]) -> _Found | InputError:
        item, sidecar = asked
        try:
            if item.error is not None:
                raise item.error
            if item.path is None:
                raise FileUnreadable("It is an address.", hint="Name files and folders, or import it again.")
            path = item.path.resolve()
            data = read_regular(path, services.limits.max_body_bytes)
            _, embedded = services.decoders.inspect(data, services.limits)
        except InputError as error:
            return error
        given = Given(item.text, item.place, item.dates)
        return _Found(path, hashlib.sha256(data).digest(), embedded, sidecar, given)

    with ThreadPoolExecutor(services.decoders.processes, thread_name_prefix="refresh") as pool:
        for start in range(0, len(items), _AT_ONCE):
            some = items[start : start + _AT_ONCE]
            asked = [(item, sidecars.read(item.path) if item.path is not None else Sidecar()) for item in some]
            for (item, _), found in zip(asked, pool.map(look, asked), strict=True):
                report.looked_at += 1
                if isinstance(found, InputError):
                    report.fail(item.name, found)
                else:
                    run.take_up(found, item)
                on_progress(report.looked_at, len(items))
            run.ring()
    return report


def refresh_originals(
    services: Services,
    *,
    dry_run: bool = False,
    actor: str = "refresh",
    on_change: OnChange = lambda _change: None,
    on_progress: OnProgress = lambda _done, _total: None,
) -> WordsReport:
    """Read the words in all stored originals again, for pictures that an earlier version read worse.

    Raises:
        StorageFull, BackendUnavailable: what was taken up until then stays so.
    """
    report = WordsReport(dry_run)
    run = _Run(services, report, actor, on_change)

    def look(original: tuple[bytes, str]) -> _Found | MediaclusterError:
        sha256, key = original
        try:
            _, embedded = services.decoders.inspect(services.storage.read(key), services.limits)
        except BackendUnavailable:
            raise
        except MediaclusterError as error:
            return error
        return _Found(None, sha256, embedded)

    with ThreadPoolExecutor(services.decoders.processes, thread_name_prefix="refresh") as pool:
        for part in range(PARTS):
            with services.database.transaction() as session:
                rows = [row for row in list_held_files(session, part) if not row.given_up]
            for start in range(0, len(rows), _AT_ONCE):
                some = rows[start : start + _AT_ONCE]
                found_all = pool.map(look, [(row.sha256, row.original_key) for row in some])
                for row, found in zip(some, found_all, strict=True):
                    report.looked_at += 1
                    if isinstance(found, MediaclusterError):
                        report.fail(row.original_key, found)
                    else:
                        run.refresh(row.media_id, found)
            run.ring()
            on_progress(part + 1, PARTS)
    return report


@dataclass(frozen=True)
class _Plan:
    """What a file changes of its picture.

    Attributes:
        words: the text and the coordinates of the file.
        folders: those that the picture is in then.
        outcomes: the decision on each field.
        reading: what is kept about the file; None if that is known.
        is_whole: whether all of the file and its sidecars is there and could be read.
    """

    words: Words
    folders: list[str]
    outcomes: Mapping[str, Outcome]
    reading: Reading | None
    is_whole: bool

    @property
    def changed(self) -> list[str]:
        return [name for name, one in self.outcomes.items() if one in (Outcome.CHANGED, Outcome.REMOVED)]

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(name for name, one in self.outcomes.items() if one is Outcome.KEPT)


class _Run:
    """One run: takes up what files say, and counts it."""

    def __init__(self, services: Services, report: WordsReport, actor: str, on_change: OnChange) -> None:
        self._services, self._report, self._actor, self._on_change = services, report, actor, on_change
        self._has_renewed = False

    def take_up(self, found: _Found, item: ImportItem) -> None:
        """Take up what a file says, if it belongs to a picture of the library."""
        media_id = self._find(found)
        if media_id is not None:
            self._report.warn([*item.warnings, *found.sidecar.warnings])
            self.refresh(media_id, found)

    def refresh(self, media_id: uuid.UUID, found: _Found) -> None:
        """Take up what a file says about its picture."""
        try:
            with self._services.database.transaction() as session:
                changes, is_renewed, is_whole = self._write(session, media_id, found)
        except NotFound:  # deleted meanwhile
            self._miss(found)
            return
        except InputError as error:  # words of a manifest that are too long
            self._report.fail(found.name, error)
            return
        self._report.unreadable += not is_whole
        self._report.count(changes)
        if is_renewed:
            self._report.renewed[media_id] = found.name
            self._has_renewed = not self._report.dry_run
        if changes.changes or changes.kept:
            self._on_change(changes)

    def ring(self) -> None:
        """Wake the workers, if words are to be embedded again."""
        if self._has_renewed:
            self._services.doorbell.ring(Work.FILL)
            self._services.doorbell.ring(Work.EMBED)
        self._has_renewed = False

    def _find(self, found: _Found) -> uuid.UUID | None:
        """The picture that a file belongs to: the one with its bytes, or the one that came from there with the same pixels."""
        with self._services.database.transaction() as session:
            same_bytes = find_media_by_sha256(session, found.sha256)
            if same_bytes is not None:
                return same_bytes.id
            media_id = find_media_read_from(session, found.key)
            media = None if media_id is None else find_media(session, media_id)
            known = {} if media is None else list_readings(session, media.id)
        if media is None or media.original_key is None:
            if not found.sidecar.is_trashed:  # an import leaves these out
                self._miss(found)
            return None
        try:
            is_known = known[found.key].rewritten_sha256 == found.sha256
            if is_known or self._has_same_pixels(found, media.original_key):
                self._report.rewritten += 1
                return media.id
        except BackendUnavailable:
            raise
        except MediaclusterError as error:
            self._report.fail(found.name, error)
            return None
        self._report.other_pixels += 1
        self._report.other_pixels_paths += [found.name][: _SHOWN - len(self._report.other_pixels_paths)]
        return None

    def _miss(self, found: _Found) -> None:
        self._report.not_in_library += 1
        self._report.not_in_library_paths += [found.name][: _SHOWN - len(self._report.not_in_library_paths)]

    def _has_same_pixels(self, found: _Found, original_key: str) -> bool:
        assert found.path is not None
        data = read_regular(found.path, self._services.limits.max_body_bytes)
        if hashlib.sha256(data).digest() != found.sha256:
            raise FileUnreadable(f"{found.path} is being written.", hint="Run the refresh again.")
        return self._pixels_of(data) == self._pixels_of(self._services.storage.read(original_key))

    def _pixels_of(self, data: bytes) -> tuple[tuple[int, int], bytes]:
        image = self._services.decoders.decode(data, self._services.limits, at_least=_COMPARED_PIXELS).image
        return image.size, hashlib.sha256(image.tobytes()).digest()

    def _write(self, session: Session, media_id: uuid.UUID, found: _Found) -> tuple[PictureChanges, bool, bool]:
        """Change a picture. Returns the changes, whether its words are to be embedded again, and whether all could be read."""
        media = get_media(session, media_id)
        plan = self._plan(session, media, found)
        is_needed = plan.changed or plan.reading is not None or plan.folders != media.folders
        if is_needed and not self._report.dry_run:
            # Decided again under the lock: somebody may have edited it meanwhile, and wins.
            media = get_media_for_update(session, media_id)
            plan = self._plan(session, media, found)
        before, place, folders = MediaText.of(media), place_in(media.exif), media.folders
        after = replace(before, **{name: value for name, value in _texts(plan).items() if name in plan.changed})
        if _TAKEN_AT in plan.changed:
            after = _with_moment_of(after, plan.words.text)
        changes = [
            FieldChange(name, _shown(before, place, name), _shown(after, plan.words.place, name))
            for name in plan.changed
        ]
        if plan.folders != folders:
            changes.append(FieldChange(_FOLDERS, list(folders), plan.folders))
        is_renewed = Wording.of(before, media.ocr_text) != Wording.of(after, media.ocr_text)
        if not self._report.dry_run:
            self._store(session, media, plan, after, found)
            if is_renewed:
                renew_words(session, media)
            if changes:
                names = [one.field for one in changes]
                record_act(session, self._actor, Act.MEDIA_REFRESHED, str(media_id), fields=names)
        return PictureChanges(media_id, found.name, tuple(changes), plan.kept), is_renewed, plan.is_whole

    def _store(self, session: Session, media: Media, plan: _Plan, after: MediaText, found: _Found) -> None:
        if plan.reading is not None:
            record_readings(session, media.id, {found.key: plan.reading})
        columns = media_columns(after) | {"folders": plan.folders}
        if _PLACE in plan.changed:
            rest = {name: value for name, value in media.exif.items() if name not in PLACE_NAMES}
            columns["exif"] = {**rest, **plan.words.place}
        for name, value in columns.items():
            if getattr(media, name) != value:
                setattr(media, name, value)

    def _plan(self, session: Session, media: Media, found: _Found) -> _Plan:
        limits, given = self._services.limits, found.given
        readings = list_readings(session, media.id)
        known = readings.get(found.key)
        role = _role_of(media, found, is_known=known is not None, is_recorded=bool(readings))
        last = known or Reading()
        name = found.name or _name_of(media)
        words = read_words(limits, name, found.embedded, found.sidecar, given)
        by_person = given.fields
        now = read_words(limits, name, found.embedded, found.sidecar).digests() if by_person else words.digests()
        now |= {field: digest for field, digest in words.digests().items() if field in by_person}
        is_whole = _is_whole(media, found)
        is_gone = is_whole and len(found.sidecar.paths) < last.sidecars
        if is_gone:
            role = FileRole.MOVED  # what is left may say something new, and removes nothing
        if not is_whole:
            now = {field: now[field] for field in _still_said(found)}
        shown = digest_fields(MediaText.of(media), place_in(media.exif))
        if role is FileRole.COPY and media.taken_at_source == GUESS_SOURCE != words.text.taken_at_source:
            shown[_TAKEN_AT] = ""  # a guess is as good as nothing
        given_before = {field for one in readings.values() for field in one.given}
        outcomes = decide_fields(
            role,
            now,
            said={**last.said, **{field: last.given.get(field, "") for field in by_person}},
            shown=shown,
            by_hand=list_rewritten_fields(session, str(media.id)) | (given_before - by_person),
            heard={
                field: {
                    said for one in readings.values() for said in (one.said.get(field), one.given.get(field)) if said
                }
                for field in now
            },
        )
        reading = _reading_of(media, found, last, now, outcomes)
        if not is_whole:
            reading = replace(reading, sidecars=max(last.sidecars, reading.sidecars))
        is_worth_keeping = reading != last and (is_whole or known is not None)
        folders = join_folders(media.folders, found.sidecar.albums)
        return _Plan(words, folders, outcomes, reading if is_worth_keeping else None, is_whole and not is_gone)


def _role_of(media: Media, found: _Found, *, is_known: bool, is_recorded: bool) -> FileRole:
    if found.path is None:
        return FileRole.ORIGINAL
    if is_known:
        return FileRole.KNOWN
    # Not Path.is_file, which raises where it is forbidden to look.
    is_there = media.source == "import" and os.path.isfile(media.source_uri or "")  # noqa: PTH113
    return FileRole.COPY if is_there or not is_recorded else FileRole.MOVED


def _name_of(media: Media) -> str:
    """The name of the file that a picture came as, which may tell when it was taken."""
    uri = media.source_uri or ""
    return urlsplit(uri).path if media.source == "url" else uri


def _is_whole(media: Media, found: _Found) -> bool:
    """Whether all that the file says could be read, so that what is missing was removed by somebody."""
    # The metadata of known bytes cannot be damaged only now.
    is_damaged = bool(found.embedded.warnings) and found.sha256 != media.sha256
    return found.sidecar.is_whole and not found.sidecar.warnings and not is_damaged


def _still_said(found: _Found) -> set[str]:
    """The fields of which a file that could not be read as a whole says something: others may be in what could not be read."""
    if not found.sidecar.is_whole:
        return found.given.fields
    return found.given.fields | Given(found.sidecar.text, found.sidecar.place).fields


def _reading_of(
    media: Media, found: _Found, last: Reading, now: Mapping[str, str], outcomes: Mapping[str, Outcome]
) -> Reading:
    """What is kept about a file. What people keep the library from taking up stays new in it."""
    said, given = dict(last.said), dict(last.given)
    for name, digest in now.items():
        values = given if name in found.given.fields else said
        if outcomes[name] is Outcome.KEPT:
            values.setdefault(name, "")
        else:
            values[name] = digest
    rewritten_sha256 = None if found.sha256 == media.sha256 else found.sha256
    return Reading(said, given, len(found.sidecar.paths), rewritten_sha256)


def _texts(plan: _Plan) -> dict[str, Any]:
    return {name: getattr(plan.words.text, name) for name in plan.outcomes if name not in (_TAKEN_AT, _PLACE)}


def _with_moment_of(text: MediaText, other: MediaText) -> MediaText:
    return replace(
        text,
        taken_at=other.taken_at,
        taken_at_precision=other.taken_at_precision,
        taken_at_source=other.taken_at_source,
    )


def _shown(text: MediaText, place: Mapping[str, Any], name: str) -> Any:
    """The value of a field as JSON has it."""
    if name == _PLACE:
        return dict(place)
    value = getattr(text, name)
    if name == _TAKEN_AT:
        return "" if value is None else value.isoformat()
    return list(value) if isinstance(value, tuple) else value
