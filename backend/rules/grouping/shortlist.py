"""The centroids that can be nearest to the embeddings of a batch, out of more than fit into memory. Pure.

Centroids come in blocks. Of each embedding the best products in single precision are kept, and how great the best of the
others is: whoever decides by those that were kept can tell whether one of the others could have mattered, as in the
threshold algorithm (Fagin, Lotem and Naor, 2003).
"""

import numpy as np
from numpy.typing import NDArray

from backend.vectors import unit_rows_in_single


class Shortlist:
    """Keeps the `size` centroids of greatest product for each of (n, d) embeddings."""

    def __init__(self, embeddings: NDArray[np.floating], size: int) -> None:
        self._units = unit_rows_in_single(embeddings)
        self._size = size
        # One more than are kept: the best of those that are not.
        self._products = np.full((len(embeddings), size + 1), -np.inf, dtype=np.float32)
        self._cluster_ids = np.zeros((len(embeddings), size + 1), dtype=np.int64)

    def look_at(self, cluster_ids: NDArray[np.int64], units: NDArray[np.float32]) -> None:
        """Take (m,) clusters with their centroids (m, d), of unit length in single precision, into account."""
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
        """(s,) all that were kept for any embedding, ascending."""
        kept = self._products[:, : self._size] > -np.inf
        return np.unique(self._cluster_ids[:, : self._size][kept])

    @property
    def reach(self) -> NDArray[np.float32]:
        """(n,) the greatest product of a centroid that was not kept for this embedding; -inf where all were."""
        reach: NDArray[np.float32] = self._products[:, self._size]
        return reach
