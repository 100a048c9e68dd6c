"""Similarities between candidates, for diversity."""

import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.features.search.query import Find
from backend.rules.search import SimilarityBetween, between_sides
from backend.store.engine import Session
from backend.store.media import list_caption_vectors, list_vectors


def similarity_in(session: Session, media_ids: Sequence[uuid.UUID], find: Find, alpha: float) -> SimilarityBetween:
    """Similarities between these pictures: of images and texts by alpha, or of captions."""
    images: list[NDArray[np.float32] | None]
    words: list[NDArray[np.float32] | None]
    if find is Find.CAPTIONS:
        captions = list_caption_vectors(session, media_ids)
        images, words = [captions.get(media_id) for media_id in media_ids], [None] * len(media_ids)
    else:
        found = list_vectors(session, media_ids)
        images = [found[media_id][0] if media_id in found else None for media_id in media_ids]
        words = [found[media_id][1] if media_id in found else None for media_id in media_ids]
    return between_sides(_rows(images), _rows(words), alpha)


def _rows(vectors: list[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    length = next((len(vector) for vector in vectors if vector is not None), 1)
    return np.stack([np.full(length, np.nan, dtype=np.float32) if one is None else one for one in vectors])
