"""Shortlist of the centroids that can be nearest to a batch, for libraries whose centroids do not fit in memory.

Centroids arrive in blocks. For each embedding the best products in single precision are kept, and the best of the
rest is remembered: so the caller can tell whether a centroid that was not kept could have mattered, as in the threshold
algorithm (Fagin, Lotem and Naor, 2003).
"""

import numpy as np
from numpy.typing import NDArray

from backend.vectors import unit_rows_in_single


class Shortlist:
    """Keeps the `size` centroids with the greatest product for each of (n, d) embeddings."""

    def __init__(self, embeddings: NDArray[np.floating], size: int) -> None:
        self._units = unit_rows_in_single(embeddings)
        self._size = size
        # One more than `size`: the last column is the best centroid that is not kept.
        self._products = np.full((len(embeddings), size + 1), -np.inf, dtype=np.float32)
        self._cluster_ids = np.zeros((len(embeddings), size + 1), dtype=np.int64)

    def look_at(self, cluster_ids: NDArray[np.int64], units: NDArray[np.float32]) -> None:
        """Compare a block of (m,) clusters, given by their centroids (m, d) of unit length in single precision."""
        products = self._units @ units.T
        if products.shape[1] > self._size + 1:
            best = np.argpartition(-products, self._size, axis=1)[:, : self._size + 1]
            products, named = np.take_along_axis(products, best, axis=1), cluster_ids[best]
        else:
            named = np.broadcast_to(cluster_ids, products.shape)
        products = np.concatenate([self._products, products], axis=1)
        named = np.concatenate([self._cluster_ids, named], axis=1)
        order = np.argsort(-products, axis=1, kind="stable")[:, : self._size + 1]
        self._products = np.take_along_axis(products, order, axis=1)
        self._cluster_ids = np.take_along_axis(named, order, axis=1)

    @property
    def cluster_ids(self) -> NDArray[np.int64]:
        """(s,) clusters kept for at least one embedding, ascending."""
        kept = self._products[:, : self._size] > -np.inf
        return np.unique(self._cluster_ids[:, : self._size][kept])

    @property
    def reach(self) -> NDArray[np.float32]:
        """(n,) for each embedding the greatest product of a centroid that was not kept; -inf if all were."""
        reach: NDArray[np.float32] = self._products[:, self._size]
        return reach
