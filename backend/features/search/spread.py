"""How near candidates are to each other, for diversity."""

import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.features.search.query import Find
from backend.rules.search import SimilarityBetween, between_sides
from backend.store.arrays import fetch_arrays


def similarity_in(session: Session, media_ids: Sequence[uuid.UUID], find: Find, alpha: float) -> SimilarityBetween:
    """Similarities between these media: of pictures and words by alpha; of captions where these are found."""
    # Without dimensions, so that no prepared statement changes its types with the space.
    sides = (
        "caption_embedding::vector, NULL"
        if find is Find.CAPTIONS
        else "image_embedding::vector, text_embedding::vector"
    )
    rows = fetch_arrays(
        session,
        f"SELECT media_id, {sides} FROM media_embedding WHERE media_id = ANY(%(ids)s)",  # noqa: S608 - of constants
        {"ids": list(media_ids)},
    )
    found = {row[0]: row[1:] for row in rows}
    image, text = (_rows([found.get(media_id, (None, None))[side] for media_id in media_ids]) for side in (0, 1))
    return between_sides(image, text, alpha)


def _rows(vectors: list[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    length = next((len(vector) for vector in vectors if vector is not None), 1)
    return np.stack([np.full(length, np.nan, dtype=np.float32) if one is None else one for one in vectors])
