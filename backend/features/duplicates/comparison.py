"""Find near-duplicates: hashes of whatever has none yet, and media compared as they come."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import BackendUnavailable, ConfigurationError, MediaclusterError
from backend.features.services import Services
from backend.files.decoding import NO_DETAIL
from backend.rules.duplicates import UNDECIDED, choose_keepers, near_rows
from backend.settings import Settings
from backend.store.engine import Session
from backend.store.media import list_image_vectors
from backend.store.review import (
    Comparables,
    forget_comparisons,
    list_parted_pairs,
    list_unhashed,
    lock_near_duplicates,
    read_comparables,
    record_hashes,
    record_keepers,
    try_lock_near_duplicates,
)
from backend.store.spaces import find_active_space

logger = logging.getLogger(__name__)

_HASHED_AT_ONCE = 32
# As many vectors are kept while comparing: 40 MB of 512 dimensions.
_MOST_VECTORS = 20_000


@dataclass(frozen=True)
class Comparison:
    """How many media were decided: those that waited, and those near them."""

    decided: int


def compare_waiting(services: Services) -> Comparison:
    """Compare what waits with everything. Where another process compares, do nothing: it or the sweep comes back to it.

    Memory grows with the hashes (8 bytes a media) and ids, not with pairs.
    """
    with services.database.transaction() as session:
        if not try_lock_near_duplicates(session):
            return Comparison(0)
        return Comparison(compare(session, services.settings))


def compare_all(services: Services) -> Comparison:
    """Forget all groups and compare everything anew, with the bounds as they are set now. What a curator decided stays."""
    with services.database.transaction() as session:
        lock_near_duplicates(session)
        forget_comparisons(session)
        return Comparison(compare(session, services.settings))


def hash_missing(services: Services, *, on_progress: Callable[[int], None] = lambda _done: None) -> int:
    """Hash media that were embedded before there were hashes; returns how many. May be interrupted and repeated."""
    done = 0
    while True:
        with services.database.transaction() as session:
            unhashed = list_unhashed(session, _HASHED_AT_ONCE)
        if not unhashed:
            return done
        hashes = {media_id: _hash_original(services, media_id, key) for media_id, key in unhashed}
        with services.database.transaction() as session:
            record_hashes(session, hashes)
        done += len(hashes)
        on_progress(done)


def compare(session: Session, settings: Settings) -> int:
    """Decide what waits, in a transaction that holds the lock; returns how many were decided."""
    space = find_active_space(session)
    if space is None:
        return 0
    comparables = read_comparables(session, space.id)
    waiting = np.flatnonzero(comparables.keeper_of == UNDECIDED).tolist()
    if not waiting:
        return 0
    measured = _Similarities(session, space.id, comparables, list_parted_pairs(session))
    choices = choose_keepers(
        comparables.keeper_of,
        waiting,
        lambda row: near_rows(comparables.hashes, row, settings.near_duplicate_bits),
        measured,
        settings.near_duplicate_similarity,
    )
    ids = comparables.media_ids
    record_keepers(session, space.id, [(ids[one.row], ids[one.keeper], one.similarity) for one in choices])
    return len(choices)


class _Similarities:
    """Cosines of media by row, NaN for pairs that a curator keeps both. Vectors are read when they are needed."""

    def __init__(
        self, session: Session, space_id: int, comparables: Comparables, parted: set[tuple[uuid.UUID, uuid.UUID]]
    ) -> None:
        self._session = session
        self._space_id = space_id
        self._ids = comparables.media_ids
        self._parted = parted
        self._vectors: dict[uuid.UUID, NDArray[np.float64]] = {}

    def __call__(self, row: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        own = self._ids[row]
        ids = [self._ids[other] for other in others.tolist()]
        self._load([own, *ids])
        similarities = np.full(len(ids), np.nan)
        for place, other in enumerate(ids):
            if (own, other) not in self._parted and own in self._vectors and other in self._vectors:
                similarities[place] = self._vectors[own] @ self._vectors[other]
        return similarities

    def _load(self, media_ids: list[uuid.UUID]) -> None:
        if len(self._vectors) > _MOST_VECTORS:
            self._vectors.clear()
        missing = [media_id for media_id in media_ids if media_id not in self._vectors]
        if not missing:
            return
        for media_id, vector in list_image_vectors(self._session, self._space_id, missing).items():
            doubles = vector.astype(np.float64)
            self._vectors[media_id] = doubles / np.linalg.norm(doubles)


def _hash_original(services: Services, media_id: uuid.UUID, key: str) -> int:
    try:
        picture = services.decoders.decode(services.storage.read(key), services.limits, derive=True)
    except (BackendUnavailable, ConfigurationError):
        raise
    except MediaclusterError as error:
        # Its vectors are there, so it was readable once; it stays out of the comparison.
        logger.warning("Picture %s has no perceptual hash: %s", media_id, error)
        return NO_DETAIL
    return NO_DETAIL if picture.perceptual_hash is None else picture.perceptual_hash
