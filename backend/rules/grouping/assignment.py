"""The assignment rule as a pure function: join the nearest cluster at similarity >= threshold, else found a new one.

One matrix product in single precision serves a whole batch, yet the outcome equals one-by-one assignment in double
precision exactly. The product only nominates: its rounding error is bounded, so every cluster that could be the nearest
or the runner-up is within a known distance of the best product. These few are measured again in double precision,
always by the same operation. Clusters that the batch itself has changed or founded are measured by their updated sums.

The rule is sequential leader clustering with running means (Hartigan, Clustering Algorithms, 1975, ch. 3) on the
unit sphere, as in spherical k-means (Dhillon and Modha, 2001).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidVector
from backend.vectors import unit_rows

Matrix64 = NDArray[np.float64]
Matrix32 = NDArray[np.float32]

_UNIT_ROUNDOFF_32 = 2.0**-24
_UNIT_ROUNDOFF_64 = 2.0**-53


@dataclass(frozen=True)
class Centroids:
    """The clusters before a batch, oldest first: the oldest wins a tie.

    Attributes:
        sums: (m, d) sums of the members' unit vectors, in double precision.
        counts: (m,) number of members.
        units: (m, d) normalised sums in single precision.
        open: (m,) whether the cluster takes automatic members.
    """

    sums: Matrix64
    counts: NDArray[np.int64]
    units: Matrix32
    open: NDArray[np.bool_]

    @classmethod
    def from_sums(
        cls, sums: Matrix64, counts: NDArray[np.int64], is_open: NDArray[np.bool_] | None = None
    ) -> "Centroids":
        """Derive the units. Raises InvalidVector for a sum without a direction."""
        return cls(
            sums, counts, unit_rows(sums).astype(np.float32), _all_open(len(sums)) if is_open is None else is_open
        )

    @classmethod
    def empty(cls, dimension: int) -> "Centroids":
        return cls.from_sums(np.empty((0, dimension)), np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Decision:
    """The decision for one embedding.

    Attributes:
        row: row of `Centroids` that it joins. New clusters get the rows after the existing ones.
        similarity: cosine to the centroid before joining; 1.0 for a founder.
        founder: whether it founds the cluster.
        runner_up: row of the second nearest cluster (for a founder, of the nearest), None if there is none.
        runner_up_similarity: cosine to that cluster's centroid.
        margin: how much a similarity would have had to change for a different outcome, None without an alternative.
    """

    row: int
    similarity: float
    founder: bool
    runner_up: int | None
    runner_up_similarity: float | None
    margin: float | None


@dataclass(frozen=True)
class Assignment:
    """The outcome of a batch.

    Attributes:
        decisions: one for each embedding, in order. With `reach` the batch may end early.
        rows: (t,) clusters that changed, ascending, founded ones last.
        sums: (t, d) their sums after the batch.
        counts: (t,) their number of members after the batch.
    """

    decisions: tuple[Decision, ...]
    rows: NDArray[np.int64]
    sums: Matrix64
    counts: NDArray[np.int64]


def assign(
    embeddings: NDArray[np.floating],
    centroids: Centroids,
    threshold: float,
    reach: NDArray[np.float32] | None = None,
) -> Assignment:
    """Decide for each embedding in order. Pure: `centroids` is not changed.

    With `reach`, `centroids` may be a subset of all clusters. Assignment stops at the first embedding for which a
    cluster outside the subset could be one of the two nearest, which can happen as the batch moves centroids.

    Args:
        embeddings: (n, d) vectors of any length except zero.
        centroids: the clusters before the batch.
        threshold: lowest cosine for joining, in (0, 1].
        reach: (n,) for each embedding the greatest product, in single precision, with a centroid outside the subset;
            -inf if there is none.

    Raises:
        InvalidVector: a vector is zero, holds NaN or infinity, or has another dimension than the centroids.
    """
    vectors = unit_rows(embeddings)
    if vectors.shape[1] != centroids.sums.shape[1]:
        raise InvalidVector(f"The vectors have {vectors.shape[1]} dimensions, the centroids {centroids.sums.shape[1]}.")
    batch = _Batch(vectors, centroids, threshold, reach)
    decisions: list[Decision] = []
    for position in range(len(vectors)):
        decision = batch.decide(position)
        if decision is None:
            break
        decisions.append(decision)
    rows = np.array(sorted(batch.changed), dtype=np.int64)
    slots = [batch.changed[row] for row in rows]
    return Assignment(tuple(decisions), rows, batch.sums[slots], batch.counts[slots])


def exact_similarity(unit: Matrix64, embedding_sum: Matrix64) -> float:
    """Cosine of a unit vector (d,) and a cluster given by its sum (d,). All decisions use this operation."""
    return float(np.dot(unit, embedding_sum) / np.sqrt(np.dot(embedding_sum, embedding_sum)))


class _Batch:
    """The state of one batch. Each changed or founded cluster has a slot with its current sum."""

    def __init__(
        self, vectors: Matrix64, centroids: Centroids, threshold: float, reach: NDArray[np.float32] | None
    ) -> None:
        self._vectors = vectors
        self._reach = np.full(len(vectors), -np.inf) if reach is None else reach.astype(np.float64)
        self._centroids = centroids
        self._threshold = threshold
        size, dimension = vectors.shape
        # |fl(x . y) - x . y| <= d * u * |x| |y| (Higham, 2002, 3.5); two more for rounding both vectors.
        self._slack_32 = 2 * (dimension + 2) * _UNIT_ROUNDOFF_32
        self._slack_64 = 2 * (dimension + 2) * _UNIT_ROUNDOFF_64
        self._nominations = vectors.astype(np.float32) @ centroids.units.T
        self._nominations[:, ~centroids.open] = -np.inf
        self.changed: dict[int, int] = {}
        self.sums = np.empty((size, dimension))
        self._units = np.empty((size, dimension))
        self._slot_rows = np.empty(size, dtype=np.int64)
        self.counts = np.empty(size, dtype=np.int64)
        self._rows = len(centroids.sums)

    def decide(self, position: int) -> Decision | None:
        """Decide one embedding. None, without changes, if a cluster outside the subset could be one of the two nearest."""
        unit = self._vectors[position]
        best, runner_up = self._two_nearest(position, unit)
        elsewhere = self._reach[position] + self._slack_32
        if elsewhere > -np.inf and (runner_up is None or runner_up[0] <= elsewhere):
            return None
        if best is not None and best[0] >= self._threshold:
            self._join(position, unit, best[1])
            alternative = self._threshold if runner_up is None else max(self._threshold, runner_up[0])
            return Decision(best[1], best[0], False, *_named(runner_up), best[0] - alternative)
        row = self._found(unit)
        return Decision(row, 1.0, True, *_named(best), None if best is None else self._threshold - best[0])

    def _two_nearest(self, position: int, unit: Matrix64) -> tuple[tuple[float, int] | None, tuple[float, int] | None]:
        rows = np.concatenate([self._nominated_unchanged(position), self._nominated_changed(unit)]).tolist()
        measured = sorted((-self._measure(unit, row), row) for row in rows)
        nearest = [(-negative, row) for negative, row in measured[:2]]
        return (nearest[0] if nearest else None), (nearest[1] if len(nearest) > 1 else None)

    def _measure(self, unit: Matrix64, row: int) -> float:
        slot = self.changed.get(row)
        return exact_similarity(unit, self._centroids.sums[row] if slot is None else self.sums[slot])

    def _nominated_unchanged(self, position: int) -> NDArray[np.int64]:
        return _nominate_two_nearest(self._nominations[position], self._slack_32)

    def _nominated_changed(self, unit: Matrix64) -> NDArray[np.int64]:
        used = len(self.changed)
        return self._slot_rows[_nominate_two_nearest(self._units[:used] @ unit, self._slack_64)]

    def _join(self, position: int, unit: Matrix64, row: int) -> None:
        slot = self.changed.get(row)
        if slot is None:
            slot = self._take_slot(row, self._centroids.sums[row], int(self._centroids.counts[row]))
            self._nominations[position + 1 :, row] = -np.inf
        self.sums[slot] += unit
        self.counts[slot] += 1
        self._units[slot] = self.sums[slot] / np.sqrt(np.dot(self.sums[slot], self.sums[slot]))

    def _found(self, unit: Matrix64) -> int:
        row = self._rows
        self._rows += 1
        slot = self._take_slot(row, unit, 1)
        self._units[slot] = unit
        return row

    def _take_slot(self, row: int, embedding_sum: Matrix64, count: int) -> int:
        slot = len(self.changed)
        self.changed[row] = slot
        self._slot_rows[slot] = row
        self.sums[slot] = embedding_sum
        self.counts[slot] = count
        return slot


def _nominate_two_nearest(similarities: NDArray[np.floating], slack: float) -> NDArray[np.int64]:
    """Positions that may be the nearest or the second nearest, given the rounding error of all values."""
    if len(similarities) <= 2:
        return np.flatnonzero(similarities > -np.inf)
    first = int(similarities.argmax())
    best = similarities[first]
    if best == -np.inf:
        return np.empty(0, dtype=np.int64)
    similarities[first] = -np.inf
    second = similarities.max()
    similarities[first] = best
    # In single precision, subtracting the slack could be lost to rounding; Python's floats are doubles.
    bound = float(best if second == -np.inf else second) - slack
    return np.flatnonzero(
        similarities >= np.nextafter(similarities.dtype.type(bound), similarities.dtype.type(-np.inf))
    )


def _named(neighbour: tuple[float, int] | None) -> tuple[int | None, float | None]:
    return (None, None) if neighbour is None else (neighbour[1], neighbour[0])


def _all_open(count: int) -> NDArray[np.bool_]:
    return np.ones(count, dtype=np.bool_)
