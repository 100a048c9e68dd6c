"""Intake of a picture: validate it, store the original, insert the row. Everything is durable before the response."""

import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeVar
from urllib.parse import urlsplit

import uuid_utils.compat

from backend.doorbell import Work
from backend.errors import BackendUnavailable, FetchFailed, FileTooLarge, LeaseLost, TransactionConflict
from backend.features.intake.copies import Beside, record_copy
from backend.features.intake.moments import settle_date
from backend.features.intake.readings import Given, complete, joins_keywords, place_in, read_words, without_file_name
from backend.features.services import Services
from backend.files.folders import Sidecar
from backend.files.formats import PictureWarning
from backend.files.metadata import JSON, EmbeddedMetadata, hide_coordinates, with_place
from backend.files.outbound import Fetched, check_url
from backend.files.storage import original_key
from backend.files.text import MediaText, clean_file_name, clean_media_text, file_name_in, make_storable
from backend.logs import current_request_id
from backend.moments import DateCandidate
from backend.store.engine import broken_constraints_as_conflicts
from backend.store.leases import Lease
from backend.store.media import (
    ORIGINAL_KEY,
    FetchingMedia,
    Reading,
    StoredFile,
    StoredPicture,
    digest_fields,
    find_media,
    get_media,
    insert_fetching,
    insert_pending,
    key_of_path,
    list_known,
    record_fetched,
    record_readings,
    remove_unheld_files,
)
from backend.store.schema import MediaStatus

logger = logging.getLogger(__name__)

_TRIES: Final = 4
_Recorded = TypeVar("_Recorded")


@dataclass(frozen=True)
class Accepted:
    """Result of an upload.

    Attributes:
        media_id: id of the picture.
        status: its state.
        duplicate: whether the same bytes were already stored; `media_id` is then the stored picture.
        completed: names of empty fields of the stored picture that this copy filled.
        warnings: defects of the file that do not prevent its use; empty for duplicates.
    """

    media_id: uuid.UUID
    status: MediaStatus
    duplicate: bool
    completed: tuple[str, ...] = ()
    warnings: tuple[PictureWarning, ...] = ()


def accept_picture(
    services: Services,
    data: bytes,
    text: MediaText,
    *,
    source: str,
    source_uri: str | None = None,
    file_name: str | None = None,
    place: Mapping[str, JSON] | None = None,
    dates: Sequence[DateCandidate] = (),
    sidecar: Sidecar | None = None,
    folders: Sequence[str] = (),
    ring: bool = True,
) -> Accepted:
    """Store a picture. If its bytes are already stored, fill the empty fields of the stored picture (see `record_copy`).

    Args:
        services: the services.
        data: the file.
        text: text that takes precedence over the sidecars, and these over the file's own metadata, field by field.
        source: kind of the source, such as `upload` or `import`.
        source_uri: path or name of the file at its source. For an import its path.
        file_name: name of the file. By default the last part of `source_uri`.
        place: coordinates for a picture without its own, by their names in `exif`. A location that is nothing but coordinates
            counts as one.
        dates: candidates for when it was taken, from a manifest.
        sidecar: its sidecars.
        folders: names of the folders and albums that it was in.
        ring: whether to wake the workers.

    Raises:
        InputError: the picture or its text is invalid. Nothing is stored.
        StorageFull, BackendUnavailable: try again later. Nothing visible is stored.
    """
    limits = services.limits
    if len(data) > limits.max_body_bytes:
        raise FileTooLarge(f"The file has {len(data):,} bytes; {limits.max_body_bytes:,} are allowed.")
    given_text, given_place = hide_coordinates(text, place or {})
    given, sidecar = Given(given_text, given_place, dates), sidecar or Sidecar()
    sidecar = replace(sidecar, text=without_file_name(sidecar.text, source_uri))
    cleaned, place = hide_coordinates(
        clean_media_text(given_text.or_else(sidecar.text), limits), given_place or sidecar.place
    )
    path_key = key_of_path(source_uri) if source == "import" and source_uri else None
    source_uri = None if source_uri is None else make_storable(source_uri)
    sha256 = hashlib.sha256(data).digest()
    dates, place = (*dates, *sidecar.dates), place or sidecar.place
    dated = settle_date(cleaned, dates, source_uri, limits)
    called = file_name_in(source_uri or "") if file_name is None else clean_file_name(file_name)
    beside = Beside(
        dated,
        place,
        [make_storable(folder) for folder in folders],
        called,
        given=frozenset(given.fields),
        path_key=path_key,
        sidecar=read_words(limits, None, EmbeddedMetadata(), sidecar).digests(),
        sidecars=len(sidecar.paths),
    )
    known = _again_if_deleted(lambda: _find_known(services, sha256, source, source_uri, beside))
    if known is not None:
        if known.completed:
            services.doorbell.ring(Work.FILL)
        return known
    picture, merged, warnings, embedded = store_picture(
        services,
        data,
        sha256,
        cleaned,
        place=place,
        name=source_uri,
        dates=dates,
        joins=joins_keywords(sidecar, given_text),
    )
    said = digest_fields(merged, place_in(picture.exif))
    given_values = {name: said[name] for name in given.fields}
    original = read_words(limits, source_uri, embedded, Sidecar()).digests()
    if path_key is None:
        readings = {ORIGINAL_KEY: Reading(original, given_values)}
    else:
        beside_it = read_words(limits, source_uri, embedded, sidecar).digests() if given.fields else said
        readings = {
            ORIGINAL_KEY: Reading(original),
            path_key: Reading(beside_it, given_values, len(sidecar.paths)),
        }
    complete = replace(beside, text=merged)
    accepted = _again_if_deleted(lambda: _insert(services, picture, source, source_uri, complete, readings))
    _keep_original(services, picture.original_key, data)
    _tell(services, accepted, ring=ring)
    return replace(accepted, warnings=() if accepted.duplicate else warnings)


def accept_url(
    services: Services,
    url: str,
    text: MediaText,
    *,
    place: Mapping[str, JSON] | None = None,
    media_id: uuid.UUID | None = None,
) -> Accepted:
    """Register a picture that a worker will fetch; text and place as in `accept_picture`. A call with a given `media_id` can be repeated.

    Raises:
        InputError: the text is invalid, or the address is forbidden (UrlForbidden).
    """
    cleaned, place = hide_coordinates(clean_media_text(text, services.limits), place or {})
    # A host name that does not resolve now may resolve when the worker fetches.
    with suppress(FetchFailed):
        check_url(url, services.fetch_policy)
    media_id = media_id or uuid_utils.compat.uuid7()
    try:
        with services.database.transaction() as session:
            insert_fetching(session, media_id, url, cleaned, place, current_request_id(), file_name_in(url))
            status = MediaStatus(get_media(session, media_id).status)
    except BackendUnavailable:
        committed = _find_committed(services, media_id)
        if committed is None:
            raise
        status = committed
    logger.info("Picture %s is to be fetched.", media_id, extra={"media_id": media_id})
    services.doorbell.ring(Work.FETCH)
    return Accepted(media_id, status, duplicate=False)


def accept_fetched(services: Services, media: FetchingMedia, lease: Lease, fetched: Fetched) -> None:
    """Store the picture that was fetched for a leased row.

    Raises:
        LeaseLost: another worker has the row. The original is removed unless another picture uses it.
        InputError, StorageFull, BackendUnavailable: see `accept_picture`.
    """
    name = urlsplit(media.url).path
    # Not the end of redirects, whose address may be a secret of the server.
    called = (clean_file_name(fetched.filename) if fetched.is_named else "") or file_name_in(media.url)
    data = fetched.data
    sha256 = hashlib.sha256(data).digest()
    picture, merged, warnings, embedded = store_picture(
        services, data, sha256, media.text, place=media.place, name=name
    )
    given = Given(media.text, media.place).fields
    said = digest_fields(merged, place_in(picture.exif))
    original = read_words(services.limits, name, embedded, Sidecar()).digests()
    completed: tuple[str, ...] = ()
    try:
        with broken_constraints_as_conflicts(), services.database.transaction() as session:
            older_id = record_fetched(session, media.id, lease, picture, merged, called)
            if older_id is not None:
                beside = Beside(merged, media.place, file_name=called, given=frozenset(given))
                completed = record_copy(session, older_id, "url", media.url, beside)
            else:
                reading = Reading(original, {name: said[name] for name in given})
                record_readings(session, media.id, {ORIGINAL_KEY: reading})
    except LeaseLost:
        remove_unheld_files(services.database, services.storage, [StoredFile(picture.sha256, picture.original_key)])
        raise
    _keep_original(services, picture.original_key, data)
    if completed:
        services.doorbell.ring(Work.FILL)
    for warning in warnings:
        logger.warning("Picture %s: %s (%s)", media.id, warning.detail, warning.code, extra={"media_id": media.id})


def store_picture(
    services: Services,
    data: bytes,
    sha256: bytes,
    text: MediaText,
    *,
    place: Mapping[str, JSON],
    name: str | None,
    dates: Sequence[DateCandidate] = (),
    joins: bool = False,
) -> tuple[StoredPicture, MediaText, tuple[PictureWarning, ...], EmbeddedMetadata]:
    """Validate a file and write the original under its checksum, so that writing it twice does no harm.

    Args:
        services: the services.
        data: the file.
        sha256: its checksum, 32 bytes.
        text: text that takes precedence over the file's own metadata.
        place: coordinates from outside the file, by their names in `exif`.
        name: file name, from which a date may be guessed.
        dates: candidates for when the picture was taken, besides those in the file.
        joins: whether the keywords of `text` join those in the file instead of replacing them.

    Returns:
        What to record of the file, the text completed from its metadata, warnings on defects of the file, and the metadata.

    Raises:
        InputError: the file is not a picture that this library accepts.
        StorageFull, BackendUnavailable: it cannot be decoded or stored now.
    """
    inspection, embedded = services.decoders.inspect(data, services.limits)
    unread = tuple(PictureWarning("metadata_damaged", warning) for warning in embedded.warnings)
    warnings = inspection.warnings + unread
    inside = without_file_name(embedded.text, name)
    words, place = hide_coordinates(complete(text, inside, services.limits, joins=joins), place)
    key = original_key(sha256, inspection.extension)
    services.storage.write(key, data)
    picture = StoredPicture(
        sha256=sha256,
        original_key=key,
        mime=inspection.mime,
        width=inspection.width,
        height=inspection.height,
        byte_size=inspection.byte_size,
        warnings=[asdict(warning) for warning in warnings],
        exif=with_place(embedded.exif, place),
    )
    merged = settle_date(words, [*dates, *embedded.dates], name, services.limits)
    return picture, merged, warnings, embedded


def _again_if_deleted(record: Callable[[], _Recorded]) -> _Recorded:
    """Repeat what finds that the picture with the same bytes is deleted meanwhile: these bytes are then new."""
    for _ in range(_TRIES - 1):
        with suppress(TransactionConflict):
            return record()
    return record()


def _tell(services: Services, accepted: Accepted, *, ring: bool) -> None:
    said = "was here before" if accepted.duplicate else "is taken in"
    logger.info("Picture %s %s.", accepted.media_id, said, extra={"media_id": accepted.media_id})
    if accepted.completed:
        services.doorbell.ring(Work.FILL)
    if not accepted.duplicate and ring:
        services.doorbell.ring(Work.EMBED)


def _insert(
    services: Services,
    picture: StoredPicture,
    source: str,
    source_uri: str | None,
    beside: Beside,
    readings: Mapping[bytes, Reading],
) -> Accepted:
    media_id = uuid_utils.compat.uuid7()
    try:
        with broken_constraints_as_conflicts(), services.database.transaction() as session:
            kept_id = insert_pending(
                session,
                media_id,
                picture,
                beside.text,
                source,
                source_uri,
                current_request_id(),
                beside.folders,
                beside.file_name,
            )
            if kept_id == media_id:
                record_readings(session, media_id, readings)
                return Accepted(media_id, MediaStatus.PENDING, duplicate=False)
            completed = record_copy(session, kept_id, source, source_uri, beside)
            return Accepted(
                kept_id, MediaStatus(get_media(session, kept_id).status), duplicate=True, completed=completed
            )
    except BackendUnavailable:
        status = _find_committed(services, media_id)
        if status is None:
            raise
        return Accepted(media_id, status, duplicate=False)


def _find_committed(services: Services, media_id: uuid.UUID) -> MediaStatus | None:
    """The status of a row after a commit whose result is unknown. None if there is no row, or the database does not answer.

    If the row exists after all, its checksum identifies it when the file is sent again.
    """
    with suppress(BackendUnavailable), services.database.transaction() as session:
        media = find_media(session, media_id)
        return None if media is None else MediaStatus(media.status)
    return None


def _keep_original(services: Services, key: str, data: bytes) -> None:
    """Store the original again if a picture with the same file was deleted since it was stored."""
    if not services.storage.exists(key):
        services.storage.write(key, data)


def _find_known(
    services: Services, sha256: bytes, source: str, source_uri: str | None, beside: Beside
) -> Accepted | None:
    with broken_constraints_as_conflicts(), services.database.transaction() as session:
        known = list_known(session, [sha256])
        if not known:
            return None
        (stored,) = known
        completed = record_copy(session, stored.media_id, source, source_uri, beside)
        return Accepted(stored.media_id, stored.status, duplicate=True, completed=completed)
