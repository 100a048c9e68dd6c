"""Decide a batch on all centroids of a space: those in memory, or, where they are too many for that, block by block."""

import numpy as np
from numpy.typing import NDArray

from backend.rules.grouping import Assignment, CentroidCache, Shortlist, assign
from backend.store.engine import Session
from backend.store.groups import copy_open_units, fetch_centroids
from backend.store.schema import Space

_LISTED = 16
_MORE = 8


def decide_in_blocks(
    session: Session, space: Space, embeddings: NDArray[np.floating], threshold: float
) -> tuple[CentroidCache, Assignment]:
    """Decide as many of the first of (n, d) embeddings as the nearest few centroids of each allow, at least one.

    The outcome is that of all centroids. Memory holds a block of these and what was listed; the time is that of reading
    them all. The cache that comes with the decisions holds the clusters that these may name, and no others.
    """
    listed = _LISTED
    while True:
        shortlist = Shortlist(embeddings, listed)
        for cluster_ids, units in copy_open_units(session, space.id, space.image_dimension):
            shortlist.look_at(cluster_ids, units)
        some = fetch_centroids(session, space.id, shortlist.cluster_ids, space.image_dimension)
        assignment = assign(embeddings, some.centroids, threshold, shortlist.reach)
        if assignment.decisions or not len(embeddings):
            return some, assignment
        # So many are equally near to the first.
        listed *= _MORE
