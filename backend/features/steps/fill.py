"""Filling of a space with pictures that are embedded in another one: claim, decode the original, encode both sides, record.

Batches alternate with those of uploads, so that neither waits long. Failures are recorded with the space and affect nothing else.
"""

import logging
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL.Image import Image

from backend.encoders import Encoders, require_unit_vectors
from backend.errors import (
    ConfigurationError,
    DecodeCrash,
    FileUnreadable,
    MediaclusterError,
    OriginalMissing,
    Quarantined,
)
from backend.features.editing import Vector, Wording, encode_wordings
from backend.features.services import Services
from backend.features.steps.leases import NOT_THE_FILES_FAULT, held_lease
from backend.features.steps.quarantine import COUNTED, retry_seconds, telling_file_from_storage
from backend.store.leases import Lease
from backend.store.media import NewEmbedding, insert_embeddings, replace_wording
from backend.store.schema import Space, SpaceFillItem
from backend.store.spaces import (
    FillItem,
    claim_items,
    fail_item,
    find_space_to_fill,
    finish_items,
    record_fill_problem,
    release_item,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Read:
    """An item with its picture. None if the space has its image vector, and only the text vectors are to be updated."""

    item: FillItem
    image: Image | None


@dataclass(frozen=True)
class _Encoded:
    """Unit vectors: image (d_image,) or None if it exists already, text (d_text,), caption (d_image,)."""

    media_id: uuid.UUID
    image: Vector | None
    text: Vector | None
    caption: Vector | None


def fill_batch(services: Services) -> int:
    """Embed one batch of pictures into the space whose turn it is. Returns how many were claimed, 0 if nothing may be claimed now.

    Raises:
        SpaceMismatch, EncoderUnavailable: the space's encoders are not available. Nothing is claimed.
    """
    settings = services.settings
    with services.database.transaction() as session:
        space = find_space_to_fill(session)
    if space is None:
        return 0
    # Before anything is claimed, so that a missing model does not use up attempts.
    try:
        encoders = services.encoders_of(space)
        encoders.load()
    except ConfigurationError as error:
        _note(services, space, str(error))
        raise
    _note(services, space, None)
    with held_lease(services, SpaceFillItem) as lease:
        with services.database.transaction() as session:
            claimed = claim_items(
                session, space.id, lease, limit=settings.embed_batch_size, max_attempts=settings.max_attempts
            )
        read = _read_all(services, encoders, space, claimed, lease)
        encoded = _encode(encoders, space, read)
        if read:
            _record(services, space, encoded, lease)
    return len(claimed)


def _note(services: Services, space: Space, problem: str | None) -> None:
    """Record why a space does not fill, because nobody would look for it in the log of a worker."""
    with services.database.transaction() as session:
        record_fill_problem(session, space.id, problem)


def _read_all(
    services: Services, encoders: Encoders, space: Space, items: Sequence[FillItem], lease: Lease
) -> list[_Read]:
    def read(item: FillItem) -> _Read | None:
        try:
            if item.is_embedded:
                return _Read(item, None)
            if item.original_key is None:
                raise OriginalMissing("It was imported as embeddings, without a picture file to embed again.")
            with telling_file_from_storage(services.storage):
                data = services.storage.read(item.original_key)
            side, fit = encoders.image.input_size_pixels, encoders.image.first_resize
            picture = services.decoders.decode_original(data, services.limits, side=side, fit=fit, derive=False)
            return _Read(item, picture.image)
        except NOT_THE_FILES_FAULT:
            raise
        except COUNTED as error:
            _try_again(services, space, item, lease, error)
        except MediaclusterError as error:
            _give_up(services, space, item.media_id, lease, error.code, str(error))
        return None

    with ThreadPoolExecutor(services.decoders.processes, thread_name_prefix="fill") as pool:
        return [one for one in pool.map(read, items) if one is not None]


def _encode(encoders: Encoders, space: Space, read: list[_Read]) -> list[_Encoded]:
    if not read:
        return []
    pictures = {one.item.media_id: one.image for one in read if one.image is not None}
    images: dict[uuid.UUID, Vector] = {}
    if pictures:
        encoded = require_unit_vectors(encoders.image.embed_pictures(list(pictures.values())), space.image_dimension)
        images = dict(zip(pictures, encoded, strict=True))
    wordings = encode_wordings(encoders, space, [Wording.of(one.item.text, one.item.ocr_text) for one in read])
    return [
        _Encoded(one.item.media_id, images.get(one.item.media_id), text, caption)
        for one, (text, caption) in zip(read, wordings, strict=True)
    ]


def _record(services: Services, space: Space, encoded: list[_Encoded], lease: Lease) -> None:
    with services.database.transaction() as session:
        kept, there = finish_items(session, space.id, [new.media_id for new in encoded], lease)
        embeddings = [
            NewEmbedding(new.media_id, new.image, new.text, new.caption)
            for new in encoded
            # If the row was deleted although only its text was to be updated, the sweep queues what is missing.
            if new.media_id in kept - there and new.image is not None
        ]
        insert_embeddings(session, space.id, embeddings)
        for new in encoded:
            # The picture has not changed: keep its vector to the last bit, and with it the centroid.
            if new.media_id in there:
                replace_wording(session, space.id, new.media_id, new.text, new.caption)
    logger.info("%d pictures are embedded into space '%s'.", len(kept), space.name, extra={"space_id": space.id})


def _try_again(
    services: Services, space: Space, item: FillItem, lease: Lease, error: DecodeCrash | FileUnreadable
) -> None:
    reason = f"{error.code}: {error}"
    if item.attempts < services.settings.max_attempts:
        with services.database.transaction() as session:
            release_item(session, space.id, item.media_id, lease, retry_seconds=retry_seconds(error), reason=reason)
        return
    detail = f"{item.attempts} attempts failed. The last one: {reason}"
    _give_up(services, space, item.media_id, lease, Quarantined.code, detail)


def _give_up(services: Services, space: Space, media_id: uuid.UUID, lease: Lease, code: str, detail: str) -> None:
    with services.database.transaction() as session:
        fail_item(session, space.id, media_id, lease, code, detail)
    logger.warning("Picture %s cannot be embedded into space '%s': %s", media_id, space.name, detail)
