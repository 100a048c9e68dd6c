"""Uploaded pictures of a query that the library has already: the same file, or the same picture saved again."""

import hashlib
import uuid
from collections.abc import Sequence

import numpy as np

from backend.features.search.pool import Pool
from backend.files.decoding import NO_DETAIL
from backend.store.engine import Session
from backend.store.media import list_known, list_perceptual_hashes

# The same picture, smaller or compressed again, differs in up to 4 of the 64 bits; near-duplicates are those up to 10 (decision 15).
_SAME_BITS = 4
# A picture saved again is among the nearest by looks.
_COMPARED = 50


def find_known(session: Session, pictures: Sequence[bytes], hashes: Sequence[int], pool: Pool) -> tuple[uuid.UUID, ...]:
    """The pictures of the library that the uploaded ones are: by checksum, and by perceptual hash among the nearest candidates.

    `hashes` are those of the pictures. Two statements at most.
    """
    if not pictures:
        return ()
    same = [one.media_id for one in list_known(session, [hashlib.sha256(data).digest() for data in pictures])]
    nearest = np.argsort(-np.nan_to_num(pool.sim_image, nan=-np.inf), kind="stable")[:_COMPARED]
    stored = list_perceptual_hashes(session, [pool.media_ids[row] for row in nearest.tolist()])
    asked = [one for one in hashes if one != NO_DETAIL]
    alike = [
        media_id
        for media_id, own in stored.items()
        if any(((own ^ one) & 0xFFFF_FFFF_FFFF_FFFF).bit_count() <= _SAME_BITS for one in asked)
    ]
    return tuple(dict.fromkeys([*same, *alike]))
