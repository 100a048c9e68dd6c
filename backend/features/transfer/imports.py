"""Import of external embeddings by COPY, with the pictures if found, followed by grouping."""

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from backend.doorbell import Work
from backend.errors import InputError, InvalidRecord, MediaclusterError, SpaceMismatch
from backend.features.intake import store_picture
from backend.features.services import Services
from backend.features.steps import Assigner, open_active_space
from backend.files.folders import read_regular
from backend.files.metadata import JSON, hide_coordinates
from backend.files.storage import thumbnail_keys, write_thumbnails
from backend.files.text import RECORD_NAMES, MediaText, clean_file_name, file_name_in, text_of_record
from backend.files.vector_tables import SIDES, Dimensions, VectorRows, read_space, read_vector_file
from backend.store.media import StoredPicture, list_known
from backend.store.review import record_hashes
from backend.store.schema import Space
from backend.store.spaces import (
    BulkMedia,
    BulkSide,
    analyze,
    build_vector_indexes,
    copy_embedded,
    drop_vector_indexes_of_empty,
    find_present,
    hold_upload_order,
    list_missing_vector_indexes,
    queue_elsewhere,
)

logger = logging.getLogger(__name__)

_SHOWN = 100
_PATH_SPACE = uuid.UUID("6f1de1a4-95a5-5d6e-9f0b-6d6564696163")
_ASSIGN_BATCH = 256


@dataclass(frozen=True)
class RowFailure:
    """A refused row: its number, from 1, its name and the error."""

    row: int
    name: str
    code: str
    detail: str


@dataclass(frozen=True)
class RowWarning:
    """Something that is not right with the file of an imported row: the row's number, from 1, its name and what it is."""

    row: int
    name: str
    code: str
    detail: str


@dataclass
class EmbeddingsReport:
    """Result of an import. `failures` and `warnings` contain the first 100; `failed` and `warned` count all."""

    rows: int = 0
    new: int = 0
    with_original: int = 0
    duplicates: int = 0
    failed: int = 0
    failures: list[RowFailure] = field(default_factory=list)
    warned: int = 0
    warnings: list[RowWarning] = field(default_factory=list)
    assigned: int = 0
    indexes_built: bool = False

    def refuse(self, row: int, name: str, error: MediaclusterError) -> None:
        self.failed += 1
        if len(self.failures) < _SHOWN:
            self.failures.append(RowFailure(row, name, error.code, str(error)))

    def warn(self, row: int, name: str, warning: Mapping[str, str]) -> None:
        self.warned += 1
        if len(self.warnings) < _SHOWN:
            self.warnings.append(RowWarning(row, name, **warning))


@dataclass(frozen=True)
class _Row:
    """A valid row: its number, and its position among the vectors of its block."""

    number: int
    position: int
    id: uuid.UUID
    uri: str | None
    file_name: str
    text: MediaText
    place: dict[str, JSON]


@dataclass(frozen=True)
class _Picture:
    stored: StoredPicture
    text: MediaText
    hash: int | None


Show = Callable[[str, int, int | None], None]
"""Called with the step (checking, copying, indexing, grouping), the number done, and the total or None."""


def import_embeddings(
    services: Services,
    path: Path,
    *,
    pictures: Path | None = None,
    look_for_pictures: bool = True,
    skip_invalid: bool = False,
    on_progress: Show = lambda _step, _done, _total: None,
) -> EmbeddingsReport:
    """Import a file in two passes. The first checks every row; an invalid row stops the import, unless `skip_invalid`. The second copies
    rows, some thousand per transaction. Importing a file again skips existing rows, so that it completes an interrupted import.

    `pictures` is the folder that paths are relative to. Default: the folder of the file.

    Raises:
        FileUnreadable, InvalidRecord, InvalidVector: the file as a whole is invalid.
        SpaceMismatch: the file names other encoders.
        StorageFull, BackendUnavailable: rows committed until then stay. Import again.
    """
    space = open_active_space(services)
    _require_same_encoders(path, space)
    folder = path.resolve().parent if pictures is None else pictures.resolve()
    report = EmbeddingsReport()
    for rows, _ in _checked(services, path, space, folder, report):
        report.rows = rows.first + len(rows.records) - 1
        on_progress("checking", report.rows, None)
    if report.failed and not skip_invalid:
        return report
    with services.database.transaction() as session:
        dropped = drop_vector_indexes_of_empty(session, space.id) if report.rows else False
    try:
        for rows, usable in _checked(services, path, space, folder, None):
            prepared = _prepare(services, usable, report) if look_for_pictures else {}
            _record(services, space, rows, [row for row in usable if prepared.get(row.number, ...)], prepared, report)
            on_progress("copying", rows.first + len(rows.records) - 1, report.rows)
    finally:
        # After an error too, because committed rows must be found.
        on_progress("indexing", 0, None)
        with services.database.transaction() as session:
            if dropped or list_missing_vector_indexes(session, space.id):
                build_vector_indexes(session, space)
                report.indexes_built = True
            if report.new:
                analyze(session)
    on_progress("grouping", 0, report.new)
    report.assigned = _assign(services, space)
    on_progress("grouping", report.new, report.new)
    for work in (Work.ASSIGN, Work.LABEL, Work.COMPARE, Work.DELIVER):
        services.doorbell.ring(work)
    return report


def _require_same_encoders(path: Path, space: Space) -> None:
    told = read_space(path)
    if told is None:
        return
    own = {"image_fingerprint": space.image_fingerprint, "text_fingerprint": space.text_fingerprint}
    differing = [name.partition("_")[0] for name, value in own.items() if told.get(name, value) != value]
    if differing:
        raise SpaceMismatch(
            f"The {' and '.join(differing)} vectors of {path} come from a different encoder than "
            f"space '{space.name}' uses.",
            hint=f"Use a library with the preset {told.get('preset')!r}, or import the pictures themselves.",
        )


def _checked(
    services: Services, path: Path, space: Space, folder: Path, report: EmbeddingsReport | None
) -> Iterator[tuple[VectorRows, list[_Row]]]:
    """Yield blocks of the file with their valid rows. Invalid ones are added to the report."""
    seen: dict[bytes, int] = {}
    for rows in read_vector_file(path, Dimensions(space.image_dimension, space.text_dimension)):
        usable = []
        for position, record in enumerate(rows.records):
            number = rows.first + position
            name = str(record.get("path") or record.get("id") or "?")
            try:
                row = _read_row(services, record, number, position, folder, rows.errors.get(position))
                earlier = seen.setdefault(row.id.bytes, number)
                if earlier != number:
                    raise InvalidRecord(f"Row {earlier} is the same picture.", hint="Remove one of the two rows.")
                usable.append(row)
            except InputError as error:
                if report is not None:
                    report.refuse(number, name, error)
        yield rows, usable


def _read_row(
    services: Services,
    record: dict[str, Any],
    number: int,
    position: int,
    folder: Path,
    error: MediaclusterError | None,
) -> _Row:
    if error is not None:
        raise error
    path, given = record.get("path") or None, record.get("id") or None
    if path is not None and (not isinstance(path, str) or "\0" in path):
        raise InvalidRecord("The path is not valid text.", hint="Write it as a string.")
    if path is None and given is None:
        raise InvalidRecord("The row has neither a path nor an id.")
    uri = None if path is None else _uri(path, folder)
    try:
        media_id = uuid.uuid5(_PATH_SPACE, uri or "") if given is None else uuid.UUID(str(given))
    except ValueError:
        raise InvalidRecord(f"The id {str(given)[:64]!r} is not a UUID.", hint="Omit it, or write a UUID.") from None
    given_name = record.get("file_name")
    file_name = (clean_file_name(given_name) if isinstance(given_name, str) else "") or file_name_in(uri or "")
    said = any(record.get(name) for name in RECORD_NAMES)
    given_text = text_of_record(record, services.limits) if said else MediaText()
    text, place = hide_coordinates(given_text, {})
    return _Row(number, position, media_id, uri, file_name, text, place)


def _uri(path: str, folder: Path) -> str:
    if "://" in path:
        return path
    try:
        return str(folder / path).encode("utf-8").decode()
    except UnicodeEncodeError:
        raise InvalidRecord("The path is not UTF-8.", hint="Save the file as UTF-8.") from None


def _prepare(services: Services, rows: list[_Row], report: EmbeddingsReport) -> dict[int, _Picture | None]:
    """Store the pictures that were found, with thumbnails and hash. Returns them by row number, None for a refused one."""
    found = [row for row in rows if row.uri is not None and "://" not in row.uri and Path(row.uri).is_file()]
    prepared: dict[int, _Picture | None] = {}

    def prepare(row: _Row) -> _Picture | InputError:
        try:
            return _store(services, row)
        except InputError as error:
            return error

    with ThreadPoolExecutor(services.decoders.processes, thread_name_prefix="prepare") as pool:
        for row, outcome in zip(found, pool.map(prepare, found), strict=True):
            if isinstance(outcome, InputError):
                report.refuse(row.number, row.uri or "", outcome)
            prepared[row.number] = None if isinstance(outcome, InputError) else outcome
    return prepared


def _store(services: Services, row: _Row) -> _Picture:
    path = Path(row.uri or "")
    data = read_regular(path, services.limits.max_body_bytes)
    sha256 = hashlib.sha256(data).digest()
    stored, merged, _, _ = store_picture(services, data, sha256, row.text, place=row.place, name=path.name)
    decoded = services.decoders.decode_original(data, services.limits)
    write_thumbnails(services.storage, stored.sha256, decoded.thumbnails)
    return _Picture(stored, merged, decoded.perceptual_hash)


def _record(
    services: Services,
    space: Space,
    block: VectorRows,
    rows: list[_Row],
    pictures: dict[int, _Picture | None],
    report: EmbeddingsReport,
) -> None:
    new: list[_Row] = []
    with services.database.transaction() as session:
        hold_upload_order(session)
        present = find_present(session, [row.id for row in rows])
        known = {one.sha256 for one in list_known(session, [one.stored.sha256 for one in pictures.values() if one])}
        for row in rows:
            picture = pictures.get(row.number)
            if row.id in present or (picture is not None and picture.stored.sha256 in known):
                continue
            if picture is not None:
                known.add(picture.stored.sha256)  # two rows with the same file are one picture
            new.append(row)
        if new:
            positions = np.array([row.position for row in new], dtype=np.int64)
            taken = {name: block.sides[name].take(positions) for name in SIDES}
            media = [_media(row, pictures.get(row.number)) for row in new]
            copy_embedded(
                session, space.id, media, {name: BulkSide(side.vectors, side.present) for name, side in taken.items()}
            )
            queue_elsewhere(session, space.id, [one.id for one in media])
            found = {row.id: picture.hash for row in new if (picture := pictures.get(row.number))}
            record_hashes(session, {media_id: value for media_id, value in found.items() if value is not None})
    _keep_files(services, new, pictures)
    report.new += len(new)
    report.with_original += sum(pictures.get(row.number) is not None for row in new)
    report.duplicates += len(rows) - len(new)
    for row in new:
        picture = pictures.get(row.number)
        for warning in picture.stored.warnings if picture is not None else ():
            report.warn(row.number, row.uri or "", warning)


def _keep_files(services: Services, rows: list[_Row], pictures: dict[int, _Picture | None]) -> None:
    """Store files again if a picture with the same file was deleted meanwhile."""

    def keep(row: _Row) -> None:
        picture = pictures.get(row.number)
        if picture is None:
            return
        sha256 = picture.stored.sha256
        keys = [picture.stored.original_key, *thumbnail_keys(sha256)]
        if all(services.storage.exists(key) for key in keys):
            return
        try:
            again = _store(services, row)
        except InputError as error:
            logger.warning("The files of picture %s are gone, and cannot be stored again: %s", row.id, error)
        else:
            if again.stored.sha256 != sha256:
                logger.warning("The files of picture %s are gone, and %s has changed.", row.id, row.uri)

    with ThreadPoolExecutor(services.decoders.processes, thread_name_prefix="keep") as pool:
        list(pool.map(keep, rows))


def _media(row: _Row, picture: _Picture | None) -> BulkMedia:
    if picture is None:
        return BulkMedia(row.id, row.uri, row.file_name, row.text, None, row.place)
    return BulkMedia(row.id, row.uri, row.file_name, picture.text, picture.stored)


def _assign(services: Services, space: Space) -> int:
    """Assign in larger batches than for uploads. The result does not depend on the size."""
    settings = services.settings.model_copy(update={"assign_batch_size": _ASSIGN_BATCH})
    return Assigner(replace(services, settings=settings), space).assign_waiting()
