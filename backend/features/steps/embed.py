"""Embedding in batches: claim, decode with thumbnails, encode both sides, record.

While one batch is encoded, the next one is decoded, by processes beside the model. There are never more than these two, so memory is
bounded by two batches.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from PIL.Image import Image

from backend.doorbell import Work
from backend.encoders import Encoders, require_unit_vectors
from backend.errors import ConfigurationError, MediaclusterError
from backend.features.editing import Wording, encode_wordings
from backend.features.services import Services
from backend.features.steps.leases import NOT_THE_FILES_FAULT, hand_back, held_lease
from backend.features.steps.quarantine import COUNTED, give_up, telling_file_from_storage, try_again_or_quarantine
from backend.features.steps.timing import Stopwatch
from backend.files.storage import write_thumbnails
from backend.files.text import embedding_text
from backend.logs import request_bound
from backend.store.leases import Lease
from backend.store.media import (
    NewEmbedding,
    PendingMedia,
    StoredFile,
    claim_pending,
    insert_embeddings,
    record_embedded,
    remove_unheld_files,
)
from backend.store.review import record_hashes
from backend.store.schema import Media, Space
from backend.store.spaces import queue_elsewhere
from backend.store.telemetry import Measure

logger = logging.getLogger(__name__)

# Twice as many pixels on the shorter side are enough to recognize text.
_READ_PIXELS = 640


@dataclass(frozen=True)
class _Prepared:
    """A picture that is ready for the encoders."""

    media: PendingMedia
    image: Image
    ocr_text: str
    perceptual_hash: int | None


@dataclass(frozen=True)
class _Batch:
    """Pictures that are claimed and decoded, under a lease that is renewed until it is closed."""

    lease: Lease
    hold: ExitStack
    claimed: int
    prepared: list[_Prepared]
    watch: Stopwatch


def embed_batch(services: Services, space: Space) -> int:
    """Embed one batch of pending pictures. Returns how many were claimed, 0 if none wait."""
    return embed_waiting(services, space, budget_seconds=0.0)


def embed_waiting(
    services: Services, space: Space, *, budget_seconds: float, on_recorded: Callable[[], object] | None = None
) -> int:
    """Embed batches until nothing waits. Returns how many pictures were claimed.

    Args:
        services: services of the process.
        space: the space to embed into.
        budget_seconds: start no batch after this time. Started ones are finished.
        on_recorded: called after each batch is recorded.
    """
    # Before anything is claimed, so that a missing model does not use up attempts.
    encoders = services.encoders_of(space)
    encoders.load()
    deadline = time.monotonic() + budget_seconds
    claimed = 0
    with ThreadPoolExecutor(1, thread_name_prefix="next-batch") as beside:
        batch = _begin(services, encoders)
        coming: Future[_Batch] | None = None
        try:
            while True:
                if batch.claimed and time.monotonic() < deadline:
                    coming = beside.submit(_begin, services, encoders)
                _finish(services, encoders, space, batch)
                if batch.claimed and on_recorded:
                    on_recorded()
                claimed += batch.claimed
                if coming is None:
                    return claimed
                batch, coming = coming.result(), None
        except BaseException:  # such as the task's time limit
            if coming is not None:
                _release_batch(services, coming)
            raise


def _begin(services: Services, encoders: Encoders) -> _Batch:
    """Claim a batch and decode it. If that fails, `held_lease` releases the claim."""
    settings = services.settings
    with ExitStack() as stack:
        lease = stack.enter_context(held_lease(services, Media))
        with services.database.transaction() as session:
            claimed = claim_pending(session, lease, limit=settings.embed_batch_size, max_attempts=settings.max_attempts)
        watch = Stopwatch()
        prepared = _prepare_all(services, encoders, claimed, lease, watch)
        return _Batch(lease, stack.pop_all(), len(claimed), prepared, watch)


def _finish(services: Services, encoders: Encoders, space: Space, batch: _Batch) -> None:
    """Encode and record a batch."""
    with batch.hold:
        with batch.watch.timed(Measure.ENCODE):
            embeddings = _encode(encoders, space, batch.prepared)
        with batch.watch.timed(Measure.RECORD):
            _record(services, space, batch.prepared, embeddings, batch.lease)
        if batch.prepared:
            batch.watch.write(services)


def _release_batch(services: Services, coming: Future[_Batch]) -> None:
    """Release the batch that was claimed ahead of one that failed, without counting the attempt. If claiming or decoding failed, it is
    already released."""
    if coming.exception() is None:
        batch = coming.result()
        with batch.hold:
            hand_back(services, Media, batch.lease)


def _prepare_all(
    services: Services, encoders: Encoders, claimed: list[PendingMedia], lease: Lease, watch: Stopwatch
) -> list[_Prepared]:
    """Prepare pictures in parallel, one per decoder."""

    def prepare(media: PendingMedia) -> _Prepared | None:
        with request_bound(media.request_id), watch.timed(Measure.DECODE):
            return _prepare(services, encoders, lease, media)

    with ThreadPoolExecutor(services.decoders.processes, thread_name_prefix="prepare") as pool:
        return [ready for ready in pool.map(prepare, claimed) if ready is not None]


def _prepare(services: Services, encoders: Encoders, lease: Lease, media: PendingMedia) -> _Prepared | None:
    try:
        with telling_file_from_storage(services.storage):
            data = services.storage.read(media.original_key)
        wordless = services.settings.enable_ocr and not embedding_text(media.text)
        if wordless:  # text recognition needs the large picture
            side, fit = max(encoders.image.input_size_pixels, _READ_PIXELS), None
        else:
            side, fit = encoders.image.input_size_pixels, encoders.image.first_resize
        picture = services.decoders.decode_original(data, services.limits, side=side, fit=fit)
        with telling_file_from_storage(services.storage):
            write_thumbnails(services.storage, media.sha256, picture.thumbnails)
        ocr_text = _read_words(picture.image) if wordless else ""
        return _Prepared(media, picture.image, ocr_text, picture.perceptual_hash)
    except NOT_THE_FILES_FAULT:
        raise
    except COUNTED as error:
        try_again_or_quarantine(services, media.id, media.attempts, lease, error)
        return None
    except MediaclusterError as error:
        give_up(services, media.id, lease, error)
        return None


def _read_words(image: Image) -> str:
    from backend.files.decoding import read_words

    try:
        return read_words(image)
    except ConfigurationError as error:
        # Text recognition is optional; `doctor` reports what is missing.
        logger.warning("No words are read out of pictures: %s", error)
        return ""


def _encode(encoders: Encoders, space: Space, prepared: list[_Prepared]) -> list[NewEmbedding]:
    if not prepared:
        return []
    images = require_unit_vectors(encoders.image.embed_pictures([one.image for one in prepared]), space.image_dimension)
    wordings = encode_wordings(encoders, space, [Wording.of(one.media.text, one.ocr_text) for one in prepared])
    return [
        NewEmbedding(one.media.id, image, text, caption)
        for one, image, (text, caption) in zip(prepared, images, wordings, strict=True)
    ]


def _record(
    services: Services, space: Space, prepared: list[_Prepared], embeddings: list[NewEmbedding], lease: Lease
) -> None:
    if not prepared:
        return
    ocr = {one.media.id: one.ocr_text for one in prepared if one.ocr_text}
    hashes = {one.media.id: one.perceptual_hash for one in prepared if one.perceptual_hash is not None}
    with services.database.transaction() as session:
        kept = set(record_embedded(session, [one.media.id for one in prepared], lease, ocr))
        insert_embeddings(session, space.id, [new for new in embeddings if new.media_id in kept])
        queued = queue_elsewhere(session, space.id, list(kept))
        record_hashes(session, {media_id: value for media_id, value in hashes.items() if media_id in kept})
    if queued:
        services.doorbell.ring(Work.FILL)
    for one in prepared:
        if one.media.id in kept:
            told = {"media_id": one.media.id, "request_id": one.media.request_id}
            logger.info("Picture %s is embedded.", one.media.id, extra=told)
    if len(kept) < len(prepared):
        logger.warning(
            "%d pictures were given to another worker; nothing recorded for them.", len(prepared) - len(kept)
        )
        # Or they were deleted meanwhile, and their thumbnails were written too late.
        lost = [StoredFile(one.media.sha256, one.media.original_key) for one in prepared if one.media.id not in kept]
        remove_unheld_files(services.database, services.storage, lost)
