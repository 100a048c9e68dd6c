"""Refresh what is made of pixels: thumbnails, perceptual hash and image embedding of pictures whose colors are not sRGB.

Earlier versions took their bare values. Whether a picture was made with its colors is seen by its thumbnails, which the same
pixels give the same bytes, so nothing is recorded and a second run changes nothing. The thumbnails are written last: a run
that ends in between does that picture again.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL.Image import Image

from backend.doorbell import Work
from backend.encoders import Encoders, require_unit_vectors
from backend.errors import BackendUnavailable, MediaclusterError, OriginalMissing
from backend.features.editing import edited
from backend.features.services import Services
from backend.files.decoding import DecodedPicture
from backend.files.storage import read_thumbnail, write_thumbnails
from backend.rules.editing import existing_memberships, media_count
from backend.store.groups import (
    REFRESH,
    EventContent,
    bump_centroid_version,
    insert_event,
    read_snapshot,
    record_event_content,
    resum_centroids,
)
from backend.store.integrity import HeldFile, list_held_files
from backend.store.media import replace_image
from backend.store.review import record_hashes
from backend.store.spaces import embed_again_elsewhere, find_active_space

logger = logging.getLogger(__name__)

PARTS = 256
"""Pictures are looked at in as many parts, by the first byte of their checksum."""

_SHOWN = 100


@dataclass(frozen=True)
class _Size:
    """How an encoder wants its pictures: see `Decoders.decode_original`. By default there is none."""

    side: int = 0
    fit: int | tuple[int, int] | None = 1


@dataclass
class PixelsReport:
    """What was looked at and, unless `dry_run`, refreshed.

    Attributes:
        dry_run: whether nothing was changed.
        pictures: how many pictures were looked at.
        other_colors: how many of them have colors other than sRGB.
        refreshed: how many of these were made from bare values, and now are not.
        failed: how many could not be read.
        refreshed_media_ids: the first 100 that were refreshed.
        failed_media_ids: the first 100 that could not be read.
    """

    dry_run: bool
    pictures: int = 0
    other_colors: int = 0
    refreshed: int = 0
    failed: int = 0
    refreshed_media_ids: list[uuid.UUID] = field(default_factory=list)
    failed_media_ids: list[uuid.UUID] = field(default_factory=list)


@dataclass(frozen=True)
class _Remade:
    """A picture of other colors, decoded. `is_new`: its thumbnails are others than those that are stored."""

    row: HeldFile
    image: Image
    thumbnails: dict[str, bytes]
    perceptual_hash: int | None
    is_new: bool


def refresh_pixels(
    services: Services,
    *,
    dry_run: bool = False,
    actor: str = "refresh",
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PixelsReport:
    """Look at the colors of all pictures, and make those again that were made without. Groups keep their members; their
    centroids follow. The library may be in use.

    Raises:
        SpaceMismatch, EncoderUnavailable: the encoders of the active space cannot be loaded.
        StorageFull, BackendUnavailable: what was refreshed until then stays so.
    """
    report = PixelsReport(dry_run)
    with services.database.transaction() as session:
        space = find_active_space(session)
    encoders = None if space is None else services.encoders_of(space)
    size = _Size() if encoders is None else _Size(encoders.image.input_size_pixels, encoders.image.first_resize)
    for part in range(PARTS):
        with services.database.transaction() as session:
            rows = [row for row in list_held_files(session, part) if row.has_thumbnails]
        report.pictures += len(rows)
        for remade in _batches(_remake_all(services, rows, size, report), services.settings.embed_batch_size):
            report.refreshed += len(remade)
            report.refreshed_media_ids += [one.row.media_id for one in remade][
                : _SHOWN - len(report.refreshed_media_ids)
            ]
            if not dry_run and encoders is not None:
                _record(services, encoders, remade, actor)
        on_progress(part + 1, PARTS)
    return report


def _remake_all(services: Services, rows: Sequence[HeldFile], size: _Size, report: PixelsReport) -> Iterator[_Remade]:
    def remake(row: HeldFile) -> _Remade | MediaclusterError | None:
        try:
            return _remake(services, row, size)
        except BackendUnavailable:
            raise
        except MediaclusterError as error:
            return error

    with ThreadPoolExecutor(services.decoders.processes, thread_name_prefix="refresh") as pool:
        for start in range(0, len(rows), services.settings.embed_batch_size):
            some = rows[start : start + services.settings.embed_batch_size]
            for row, found in zip(some, pool.map(remake, some), strict=True):
                if isinstance(found, MediaclusterError):
                    logger.warning("The colors of picture %s cannot be read: %s", row.media_id, found)
                    report.failed += 1
                    report.failed_media_ids += [row.media_id][: _SHOWN - len(report.failed_media_ids)]
                elif found is not None:
                    report.other_colors += 1
                    if found.is_new:
                        yield found


def _remake(services: Services, row: HeldFile, size: _Size) -> _Remade | None:
    data = services.storage.read(row.original_key)
    if not services.decoders.has_other_colors(data, services.limits):
        return None
    made = services.decoders.decode_original(data, services.limits, side=size.side, fit=size.fit)
    is_new = not _are_stored(services, row, made)
    return _Remade(row, made.image, made.thumbnails, made.perceptual_hash, is_new)


def _are_stored(services: Services, row: HeldFile, made: DecodedPicture) -> bool:
    try:
        return all(
            read_thumbnail(services.storage, row.sha256, size) == content for size, content in made.thumbnails.items()
        )
    except OriginalMissing:
        return False


def _batches(remade: Iterable[_Remade], size: int) -> Iterator[list[_Remade]]:
    batch: list[_Remade] = []
    for one in remade:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _record(services: Services, encoders: Encoders, remade: list[_Remade], actor: str) -> None:
    images = encoders.image.embed_pictures([one.image for one in remade])
    with edited(services, dry_run=False) as (session, space):
        vectors = require_unit_vectors(images, space.image_dimension)
        there = [
            one.row.media_id
            for one, vector in zip(remade, vectors, strict=True)
            if replace_image(session, space.id, one.row.media_id, vector)
        ]
        before = read_snapshot(session, [], there)
        held = sorted({state.cluster_id for state in existing_memberships(before).values()})
        resum_centroids(session, space.id, held)
        summary = f"Refreshed the pixels of {media_count(len(there))}"
        event_id = insert_event(session, REFRESH, actor, summary, None)
        # The decisions stay as they were made. That their vectors are others now is why no replay can repeat them.
        record_event_content(session, event_id, EventContent(before, before), held)
        bump_centroid_version(session, space.id)
        record_hashes(
            session,
            {one.row.media_id: one.perceptual_hash for one in remade if one.perceptual_hash is not None},
        )
        queued = embed_again_elsewhere(session, space.id, there)
    for one in remade:
        write_thumbnails(services.storage, one.row.sha256, one.thumbnails)
    services.doorbell.ring(Work.ASSIGN)
    if queued:
        services.doorbell.ring(Work.FILL)
