"""In-memory cache of the centroids of one space. The code that commits assignments keeps it in step."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.rules.grouping.assignment import Assignment, Centroids
from backend.vectors import unit_rows, unit_rows_in_single

_SPARE_ROWS = 1024
_T = TypeVar("_T", bound=np.generic)


def bytes_for(count: int, dimension: int) -> int:
    """Size of a cache of `count` clusters: sums in double precision, units in single, and room to grow."""
    return count * (12 * dimension + 17) * 3 // 2


class CentroidCache:
    """Growable arrays behind a `Centroids`. Rows are clusters in ascending order of id.

    Attributes:
        version: the `centroid_version` of the space that the arrays reflect.
    """

    def __init__(
        self,
        cluster_ids: NDArray[np.int64],
        sums: NDArray[np.float64],
        counts: NDArray[np.int64],
        is_open: NDArray[np.bool_],
        version: int,
    ) -> None:
        self.version = version
        self._count = len(cluster_ids)
        self._cluster_ids = cluster_ids
        self._sums = sums
        self._counts = counts
        self._open = is_open
        self._units = unit_rows_in_single(sums)

    @property
    def centroids(self) -> Centroids:
        """A view of the filled rows, valid until the next `apply`."""
        used = slice(self._count)
        return Centroids(self._sums[used], self._counts[used], self._units[used], self._open[used])

    @property
    def byte_count(self) -> int:
        return bytes_for(self._count, self._sums.shape[1])

    @property
    def cluster_ids(self) -> NDArray[np.int64]:
        """(m,) cluster id of each row."""
        return self._cluster_ids[: self._count]

    def apply(self, assignment: Assignment, founded_ids: list[int], version: int) -> None:
        """Add what was committed: changed rows, and the ids of the founded clusters."""
        self._reserve(self._count + len(founded_ids))
        self._cluster_ids[self._count : self._count + len(founded_ids)] = founded_ids
        self._open[self._count : self._count + len(founded_ids)] = True
        self._count += len(founded_ids)
        if len(assignment.rows):
            self._sums[assignment.rows] = assignment.sums
            self._counts[assignment.rows] = assignment.counts
            self._units[assignment.rows] = unit_rows(assignment.sums)
        self.version = version

    def _reserve(self, count: int) -> None:
        if count <= len(self._cluster_ids):
            return
        # Growing by half makes the amortised cost per cluster constant.
        room = max(count, len(self._cluster_ids) * 3 // 2 + _SPARE_ROWS)
        self._cluster_ids = _grown(self._cluster_ids, room)
        self._sums = _grown(self._sums, room)
        self._counts = _grown(self._counts, room)
        self._open = _grown(self._open, room)
        self._units = _grown(self._units, room)


def _grown(array: NDArray[_T], room: int) -> NDArray[_T]:
    grown = np.zeros((room, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
