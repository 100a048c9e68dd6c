"""Assignment of embedded pictures to groups: one writer at a time, one batch per transaction, in upload order."""

import logging
import threading
import time
from datetime import UTC, datetime

from backend.features.services import Services
from backend.features.steps.blocks import decide_in_blocks
from backend.features.steps.timing import Stopwatch
from backend.rules.grouping import CentroidCache, assign, bytes_for
from backend.store.engine import Session
from backend.store.groups import (
    AssignableBatch,
    AssignedMedia,
    claim_assignable,
    count_centroids,
    get_centroid_version,
    load_centroids,
    record_assignment,
    try_lock_assigner,
)
from backend.store.schema import Space
from backend.store.spaces import get_active_space, get_threshold
from backend.store.telemetry import Measure

logger = logging.getLogger(__name__)

# Statements of a batch follow each other within milliseconds. A longer pause means that the process was stopped.
_LEAST_IDLE_SECONDS = 5.0


class Assigner:
    """The assigner of a process. Keeps the centroids between batches. Reloads them if another process has written some, or has activated
    another space."""

    def __init__(self, services: Services, space: Space) -> None:
        self._services = services
        self._space = space
        self._cache: CentroidCache | None = None
        self._one_thread = threading.Lock()

    def assign_waiting(self) -> int:
        """Assign all pictures whose turn it is. Returns their number.

        Returns at once if another process assigns. That one checks again after it has released the lock, so pictures embedded before this call
        are not forgotten.
        """
        total = 0
        with self._one_thread:
            while (assigned := self._assign_batch()) is not None:
                total += assigned
                if assigned == 0 and not self._has_assignable():
                    break
        return total

    def _has_assignable(self) -> bool:
        with self._services.database.transaction() as session:
            return bool(self._claim(session, limit=1).media_ids)

    def _assign_batch(self) -> int | None:
        """Assign one batch. Returns its size, or None if another process holds the lock."""
        settings = self._services.settings
        watch = Stopwatch()
        begun = time.perf_counter()
        # Cleared first, so that a failure below cannot leave a cache with uncommitted changes.
        cache, self._cache = self._cache, None
        with self._services.database.transaction() as session:
            if not try_lock_assigner(session, idle_seconds=max(settings.lease_seconds, _LEAST_IDLE_SECONDS)):
                self._cache = cache
                return None
            space = get_active_space(session)
            if space.id != self._space.id:
                self._space, cache = space, None
            if cache is None or cache.version != get_centroid_version(session, self._space.id):
                cache = self._load(session)
            batch = self._claim(session, limit=settings.assign_batch_size)
            if not batch.media_ids:
                self._cache = cache
                return 0
            threshold = get_threshold(session, self._space.id, settings.threshold)
            if cache is None:
                known, assignment = decide_in_blocks(session, self._space, batch.embeddings, threshold)
                batch = batch.first(len(assignment.decisions))
            else:
                known, assignment = cache, assign(batch.embeddings, cache.centroids, threshold)
            assigned, founded_ids, version = record_assignment(
                session, self._space.id, batch, assignment, known, threshold
            )
        if cache is not None:
            cache.apply(assignment, founded_ids, version)
            self._cache = cache if cache.byte_count <= settings.assign_memory_bytes else None
        watch.note(Measure.ASSIGN, time.perf_counter() - begun)
        _log_assigned(batch, assigned, watch)
        watch.write(self._services)
        return len(assigned)

    def _load(self, session: Session) -> CentroidCache | None:
        """All centroids, None if they are too many to keep."""
        dimension = self._space.image_dimension
        most = self._services.settings.assign_memory_bytes
        if bytes_for(count_centroids(session, self._space.id), dimension) > most:
            return None
        return load_centroids(session, self._space.id, dimension)

    def _claim(self, session: Session, *, limit: int) -> AssignableBatch:
        return claim_assignable(
            session,
            self._space.id,
            self._space.image_dimension,
            limit=limit,
            wait_seconds=self._services.settings.assign_wait_seconds,
        )


def _log_assigned(batch: AssignableBatch, assigned: list[AssignedMedia], watch: Stopwatch) -> None:
    now = datetime.now(UTC)
    watch.note(Measure.ASSIGN_BATCH, len(assigned))
    watch.note(Measure.UPLOAD_TO_READY, *(max(0.0, (now - at).total_seconds()) for at in batch.created_at))
    for one, request_id in zip(assigned, batch.request_ids, strict=True):
        told = {"media_id": one.media_id, "cluster_id": one.cluster_id, "request_id": request_id}
        logger.info("Picture %s is ready in group %d.", one.media_id, one.cluster_id, extra=told)
