"""Alignment of the centroids and figures of an inactive space with the current groups.

Groups are not decided again: their centroids follow from their members. Each block is one snapshot of the memberships, so that uploads
and curators continue. Changes meanwhile are found in the next round.
"""

import uuid
from collections.abc import Callable

import numpy as np

from backend.errors import TransactionConflict
from backend.features.services import Services
from backend.store.engine import begin_snapshot, broken_constraints_as_conflicts
from backend.store.schema import Space
from backend.store.spaces import (
    CentroidTable,
    MemberBlock,
    align_clusters,
    list_unaligned,
    list_unmeasured,
    read_centroids,
    record_runners_up,
)

_CLUSTERS_AT_ONCE = 256
_ROUNDS = 5
# This many groups at most are left to the transaction that activates.
_FEW_CLUSTERS = 64
_PRODUCT_NUMBERS = 20_000_000
_MOST_MEMBERS = 1024


def align(
    services: Services, space: Space, *, on_progress: Callable[[int, int], None] = lambda _done, _all: None
) -> None:
    """Align all groups, then compute each member's nearest other group. May be interrupted and repeated at any time.

    Raises:
        TransactionConflict: groups changed during every attempt.
    """
    for _ in range(_ROUNDS):
        with services.database.transaction() as session:
            waiting = list_unaligned(session, space.id)
        for start in range(0, len(waiting), _CLUSTERS_AT_ONCE):
            _align_block(services, space, waiting[start : start + _CLUSTERS_AT_ONCE])
            on_progress(min(start + _CLUSTERS_AT_ONCE, len(waiting)), len(waiting))
        if len(waiting) <= _FEW_CLUSTERS:
            break
    _measure_runners_up(services, space)


def _align_block(services: Services, space: Space, cluster_ids: list[int]) -> None:
    for attempt in range(_ROUNDS):
        try:
            with broken_constraints_as_conflicts(), services.database.transaction() as session:
                begin_snapshot(session)
                align_clusters(session, space.id, cluster_ids)
                return
        except TransactionConflict:
            # A group was removed meanwhile, or another process aligns this space.
            if attempt == _ROUNDS - 1:
                raise


def _measure_runners_up(services: Services, space: Space) -> None:
    """Compare members with all centroids, in blocks limited by the size of their product."""
    with services.database.transaction() as session:
        table = read_centroids(session, space.id, space.image_dimension)
    if len(table.cluster_ids) < 2:
        return
    limit = max(1, min(_MOST_MEMBERS, _PRODUCT_NUMBERS // len(table.cluster_ids)))
    after: uuid.UUID | None = None
    while True:
        with services.database.transaction() as session:
            block = list_unmeasured(session, space.id, after, limit)
            if block is None:
                return
            record_runners_up(session, space.id, block, *_nearest_others(table, block))
        after = block.media_ids[-1]


def _nearest_others(table: CentroidTable, block: MemberBlock) -> tuple[np.ndarray, np.ndarray]:
    """For each member, the nearest open group (n,) other than its own, and the cosine (n,), -inf if there is none."""
    similarity = block.embeddings @ table.units.T
    similarity[:, ~table.is_open] = -np.inf
    indexes = np.searchsorted(table.cluster_ids, block.cluster_ids)
    known = indexes < len(table.cluster_ids)
    known[known] = table.cluster_ids[indexes[known]] == block.cluster_ids[known]
    similarity[np.flatnonzero(known), indexes[known]] = -np.inf
    nearest = similarity.argmax(axis=1)
    cosines = similarity[np.arange(len(nearest)), nearest].astype(np.float64)
    return table.cluster_ids[nearest], cosines
