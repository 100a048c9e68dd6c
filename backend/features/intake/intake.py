"""Intake of a picture: validate it, store the original, insert the row. Everything is durable before the response."""

import hashlib
import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import uuid_utils.compat

from backend.doorbell import Work
from backend.errors import BackendUnavailable, FetchFailed, FileTooLarge, LeaseLost
from backend.features.intake.copies import Beside, record_copy
from backend.features.intake.moments import settle_date
from backend.features.intake.readings import Given, place_in, read_words
from backend.features.services import Services
from backend.files.folders import Sidecar
from backend.files.formats import PictureWarning
from backend.files.metadata import JSON, EmbeddedMetadata
from backend.files.outbound import check_url
from backend.files.storage import original_key
from backend.files.text import MediaText, clean_media_text, make_storable
from backend.logs import current_request_id
from backend.moments import DateCandidate
from backend.store.leases import Lease
from backend.store.media import (
    ORIGINAL_KEY,
    FetchingMedia,
    Reading,
    StoredFile,
    StoredPicture,
    digest_fields,
    find_media,
    find_media_by_sha256,
    get_media,
    insert_fetching,
    insert_pending,
    key_of_path,
    record_fetched,
    record_readings,
    remove_unheld_files,
)
from backend.store.schema import MediaStatus

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Accepted:
    """The answer to an upload: the media's id, whether these bytes were here before, which fields that were empty then they have
    filled, and what is not right with them."""

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
    place: Mapping[str, JSON] | None = None,
    dates: Sequence[DateCandidate] = (),
    sidecar: Sidecar | None = None,
    folders: Sequence[str] = (),
    ring: bool = True,
) -> Accepted:
    """Take bytes in; a picture that is here already is completed by them (see `record_copy`).

    `text` wins over the sidecars, and these win over what the picture itself carries, field by field. `place` has coordinates
    for a picture that carries none, under their names in `exif`. `dates` are moments that programs wrote into a manifest,
    `folders` those that it was in. A picture of the source `import` has its path as `source_uri`.

    Raises:
        InputError: the picture or its text is invalid. Nothing is stored.
        StorageFull, BackendUnavailable: try again later. Nothing visible is stored.
    """
    limits = services.limits
    if len(data) > limits.max_body_bytes:
        raise FileTooLarge(f"The file has {len(data):,} bytes; {limits.max_body_bytes:,} are allowed.")
    given, sidecar = Given(text, place or {}, dates), sidecar or Sidecar()
    cleaned = clean_media_text(text.or_else(sidecar.text), limits)
    path_key = key_of_path(source_uri) if source == "import" and source_uri else None
    source_uri = None if source_uri is None else make_storable(source_uri)
    sha256 = hashlib.sha256(data).digest()
    dates, place = (*dates, *sidecar.dates), place or sidecar.place
    dated = settle_date(cleaned, dates, source_uri, limits)
    beside = Beside(
        dated,
        place,
        [make_storable(folder) for folder in folders],
        given=frozenset(given.fields),
        path_key=path_key,
        sidecar=read_words(limits, None, EmbeddedMetadata(), sidecar).digests(),
        sidecars=len(sidecar.paths),
    )
    known = _find_known(services, sha256, source, source_uri, beside)
    if known is not None:
        if known.completed:
            services.doorbell.ring(Work.FILL)
        return known
    picture, merged, warnings, embedded = store_picture(services, data, sha256, cleaned, name=source_uri, dates=dates)
    if place and picture.exif.keys().isdisjoint(place):
        picture = replace(picture, exif={**picture.exif, **place})
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
    accepted = _insert(services, picture, source, source_uri, replace(beside, text=merged), readings)
    _keep_original(services, picture.original_key, data)
    _tell(services, accepted, ring=ring)
    return replace(accepted, warnings=() if accepted.duplicate else warnings)


def accept_url(services: Services, url: str, text: MediaText, *, media_id: uuid.UUID | None = None) -> Accepted:
    """Register a picture that a worker will fetch. A call with a given `media_id` can be repeated.

    Raises:
        InputError: the text is invalid, or the address is forbidden (UrlForbidden).
    """
    cleaned = clean_media_text(text, services.limits)
    # A name that does not resolve now may resolve later; the worker will see.
    with suppress(FetchFailed):
        check_url(url, services.fetch_policy)
    media_id = media_id or uuid_utils.compat.uuid7()
    try:
        with services.database.transaction() as session:
            insert_fetching(session, media_id, url, cleaned, current_request_id())
            status = MediaStatus(get_media(session, media_id).status)
    except BackendUnavailable:
        committed = _find_committed(services, media_id)
        if committed is None:
            raise
        status = committed
    logger.info("Picture %s is to be fetched.", media_id, extra={"media_id": media_id})
    services.doorbell.ring(Work.FETCH)
    return Accepted(media_id, status, duplicate=False)


def accept_fetched(services: Services, media: FetchingMedia, lease: Lease, data: bytes) -> None:
    """Take in what was fetched for a leased row. Raises as `accept_picture`, and LeaseLost."""
    name = urlsplit(media.url).path
    picture, merged, warnings, embedded = store_picture(
        services, data, hashlib.sha256(data).digest(), media.text, name=name
    )
    given = Given(media.text).fields
    said = digest_fields(merged, place_in(picture.exif))
    original = read_words(services.limits, name, embedded, Sidecar()).digests()
    completed: tuple[str, ...] = ()
    try:
        with services.database.transaction() as session:
            older_id = record_fetched(session, media.id, lease, picture, merged)
            if older_id is not None:
                completed = record_copy(session, older_id, "url", media.url, Beside(merged, given=frozenset(given)))
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
    name: str | None,
    dates: Sequence[DateCandidate] = (),
) -> tuple[StoredPicture, MediaText, tuple[PictureWarning, ...], EmbeddedMetadata]:
    """Validate bytes and write the original, which is named by its checksum: writing it twice does no harm.

    Returns also the text, filled from what the picture says, what is not right with the file, and all that the picture says. The moment may be among
    `dates`, or a guess from the `name`.
    """
    inspection, embedded = services.decoders.inspect(data, services.limits)
    key = original_key(sha256, inspection.extension)
    services.storage.write(key, data)
    picture = StoredPicture(
        sha256=sha256,
        original_key=key,
        mime=inspection.mime,
        width=inspection.width,
        height=inspection.height,
        byte_size=inspection.byte_size,
        exif=embedded.exif,
    )
    merged = settle_date(text.or_else(embedded.text), [*dates, *embedded.dates], name, services.limits)
    unread = tuple(PictureWarning("metadata_damaged", warning) for warning in embedded.warnings)
    return picture, merged, inspection.warnings + unread, embedded


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
        with services.database.transaction() as session:
            kept_id = insert_pending(
                session, media_id, picture, beside.text, source, source_uri, current_request_id(), beside.folders
            )
            is_copy = kept_id != media_id
            if not is_copy:
                record_readings(session, media_id, readings)
            completed = record_copy(session, kept_id, source, source_uri, beside) if is_copy else ()
            return Accepted(kept_id, MediaStatus(get_media(session, kept_id).status), is_copy, completed)
    except BackendUnavailable:
        status = _find_committed(services, media_id)
        if status is None:
            raise
        return Accepted(media_id, status, duplicate=False)


def _find_committed(services: Services, media_id: uuid.UUID) -> MediaStatus | None:
    """The status of the row after a commit whose response was lost. None if there is no row, or no response again. A row that appears
    later is recognized by its checksum when the file is sent again."""
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
    with services.database.transaction() as session:
        media = find_media_by_sha256(session, sha256)
        if media is None:
            return None
        completed = record_copy(session, media.id, source, source_uri, beside)
        return Accepted(media.id, MediaStatus(media.status), duplicate=True, completed=completed)
