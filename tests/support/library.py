"""Readers of what a library holds of one picture."""

import uuid
from typing import Any

from backend.features.services import Services
from backend.store.arrays import fetch_arrays
from backend.store.media import get_media
from backend.store.schema import Media


def stored(services: Services, media_id: uuid.UUID) -> Media:
    with services.database.transaction() as session:
        return get_media(session, media_id)


def stored_vectors(services: Services, media_id: uuid.UUID) -> Any:
    """The row with `image_embedding`, `text_embedding` and `caption_embedding`: arrays, None where there is none."""
    with services.database.transaction() as session:
        (row,) = fetch_arrays(
            session,
            "SELECT image_embedding, text_embedding, caption_embedding FROM media_embedding WHERE media_id = :id",
            {"id": media_id},
        )
    return row
