"""Detection of near-duplicates: perceptual hashes for pictures without one, and comparison of new pictures with all others."""

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
# Number of vectors cached during a comparison: 40 MB at 512 dimensions.
_MOST_VECTORS = 20_000


@dataclass(frozen=True)
class Comparison:
    """Number of pictures that were decided: the new ones, and those near them."""

    decided: int


def compare_waiting(services: Services) -> Comparison:
    """Compare new pictures with all others. Does nothing if another process compares: it, or the sweep, will see them.

    Memory grows with the number of pictures (hashes of 8 bytes, and ids), not with pairs.
    """
    with services.database.transaction() as session:
        if not try_lock_near_duplicates(session):
            return Comparison(0)
        return Comparison(compare(session, services.settings))


def compare_all(services: Services) -> Comparison:
    """Discard all groups and compare everything again, with the current limits. Curators' decisions stay."""
    with services.database.transaction() as session:
        lock_near_duplicates(session)
        forget_comparisons(session)
        return Comparison(compare(session, services.settings))


def hash_missing(services: Services, *, on_progress: Callable[[int], None] = lambda _done: None) -> int:
    """Hash pictures embedded before hashes existed. Returns how many. May be interrupted and repeated."""
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
    """Compare new pictures, in a transaction that holds the lock. Returns how many were decided."""
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
    """Cosines of pictures by row, NaN for pairs that a curator keeps. Vectors are read on demand."""

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
        for index, other in enumerate(ids):
            if (own, other) not in self._parted and own in self._vectors and other in self._vectors:
                similarities[index] = self._vectors[own] @ self._vectors[other]
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
        # It was readable when it was embedded. Without a hash, it is left out of the comparison.
        logger.warning("Picture %s has no perceptual hash: %s", media_id, error)
        return NO_DETAIL
    return NO_DETAIL if picture.perceptual_hash is None else picture.perceptual_hash
