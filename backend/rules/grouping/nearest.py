"""Search for the nearest of many centroids that arrive in blocks."""

import numpy as np
from numpy.typing import NDArray

from backend.vectors import unit_rows


class NearestSearch:
    """Keeps the nearest centroid so far for each of (n, d) embeddings. Between equally near ones the first wins."""

    def __init__(self, embeddings: NDArray[np.floating]) -> None:
        self._units = unit_rows(embeddings)
        self.similarities = np.full(len(self._units), -np.inf)
        self.cluster_ids = np.zeros(len(self._units), dtype=np.int64)

    def look_at(self, cluster_ids: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
        """Compare a block of (m,) clusters, given by their sums (m, d)."""
        similarities = self._units @ unit_rows(sums).T
        best = similarities.argmax(axis=1)
        values = similarities[np.arange(len(best)), best]
        nearer = values > self.similarities
        self.similarities[nearer] = values[nearer]
        self.cluster_ids[nearer] = cluster_ids[best[nearer]]
