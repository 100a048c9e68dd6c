"""Nearest groups for pictures that have to leave theirs."""

import uuid
from collections.abc import Collection, Sequence

import numpy as np

from backend.rules.grouping import NearestSearch
from backend.store.engine import Session
from backend.store.groups import fetch_embeddings, iterate_open_centroids

_BLOCK = 1024


def list_nearest_clusters(
    session: Session, space_id: int, media_ids: Sequence[uuid.UUID], threshold: float, excluded: Collection[int]
) -> dict[uuid.UUID, int | None]:
    """The nearest group for each picture that is not locked, not excluded and within the threshold, otherwise None.

    Uses the current centroids. Assignments in the same call do not influence each other.
    """
    search = NearestSearch(
        np.concatenate(
            [
                fetch_embeddings(session, space_id, media_ids[start : start + _BLOCK])
                for start in range(0, len(media_ids), _BLOCK)
            ]
        )
    )
    for cluster_ids, sums in iterate_open_centroids(session, space_id, excluded):
        search.look_at(cluster_ids, sums)
    near = search.similarities >= threshold
    return {
        media_id: int(cluster_id) if reaches else None
        for media_id, cluster_id, reaches in zip(media_ids, search.cluster_ids, near, strict=True)
    }
