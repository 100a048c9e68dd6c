"""Assignment of a batch to all centroids of a space, in memory, or block by block if they are too many."""

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
    """Decide the first of (n, d) embeddings, as many as the nearest few centroids of each allow, at least one.

    The result equals that with all centroids in memory. Memory holds a block of centroids and the nearest few; time is that of reading all.
    The returned cache contains only the groups that the decisions can refer to.
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
        # So many centroids tie with the first.
        listed *= _MORE
