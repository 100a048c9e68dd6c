"""Rotations that put most of a library's energy into the first numbers of its vectors.

A rotation changes no product: <q, x> = <Rq, Rx>. With R from the principal components of a library (of its second moment, uncentred, because
products are measured and not distances), a few leading numbers, the *head*, say most of each product; the lengths of what follows bound the
rest by Cauchy-Schwarz. A row that cannot win by these bounds is not read further.

Principal components differ much in size, and codes have one scale. So inside each part the numbers are mixed by a random rotation, which
leaves the part's length as it is and makes its numbers alike.

A basis decides how long a search takes, never what it finds: vectors that are unlike those it was learned from have long rests, and are read whole.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.vectors import unit_rows

Doubles = NDArray[np.float64]

_LENGTHS = (32, 64, 96, 128, 192, 256)
BASIS_SAMPLE = 8192
_QUERIES = 32
_WANTED = 10
# Times, in products of one number by code: of a row in the head besides its products, and of a row that is read further.
_ROW_COST, _READ_COST = 32, 256
_HEAD_QUANTILE = 0.99


@dataclass(frozen=True, eq=False)
class Basis:
    """A rotation and its parts: the head, the middle and the end.

    Attributes:
        rotation: (d, d), orthogonal. Its columns are the new axes.
        head: length of the head.
        middle: length of the middle. The end may be empty.
        head_scale: a number of the head that is large. Heads of image and text are scaled by theirs, so that one scale for a row serves both.
        skew: upper bound of |<q, x> - <Rq, Rx>| for unit vectors, since no matrix of numbers is quite orthogonal.
    """

    rotation: Doubles
    head: int
    middle: int
    head_scale: float
    skew: float

    @property
    def dimension(self) -> int:
        return len(self.rotation)

    def rotate(self, units: Doubles) -> Doubles:
        """Rows (n, d) in this basis."""
        rotated: Doubles = units @ self.rotation
        return rotated

    @classmethod
    def learn(cls, sample: NDArray[np.floating], dimension: int, count: int) -> "Basis":
        """Learn a basis from a random sample (m, d) of the `count` vectors of a library. An empty sample gives one that leaves vectors as they are."""
        units = unit_rows(sample[:BASIS_SAMPLE]) if len(sample) else np.zeros((0, dimension))
        generator = np.random.default_rng(0)
        # Samples come in the order of the table, in which neighbours are alike.
        units = generator.permutation(units)
        components = np.linalg.eigh(units.T @ units)[1].T[::-1]
        head, middle = _choose_parts(units @ components.T, count)
        rotation = components.copy()
        for begin, end in ((0, head), (head, head + middle), (head + middle, dimension)):
            if end > begin:
                mixing = np.linalg.qr(generator.normal(size=(end - begin, end - begin)))[0]
                rotation[begin:end] = mixing @ components[begin:end]
        heads = np.abs(units @ rotation[:head].T)
        scale = float(np.quantile(heads, _HEAD_QUANTILE)) if heads.size else 0.0
        return cls.of(rotation.T, head, middle, scale or 1.0)

    @classmethod
    def of(cls, rotation: Doubles, head: int, middle: int, head_scale: float) -> "Basis":
        """A basis of any rotation, with its skew measured."""
        skew = float(np.linalg.norm(rotation.T @ rotation - np.eye(len(rotation))))
        return cls(np.ascontiguousarray(rotation), head, middle, head_scale, 2 * skew)


def _choose_parts(units: Doubles, count: int) -> tuple[int, int]:
    """Lengths of head and middle that cost least for queries like the sample's rows (m, d), in order of their energy."""
    dimension = units.shape[1]
    lengths = sorted({min(length, dimension) for length in (*_LENGTHS, dimension)})
    if len(units) <= 2 * _QUERIES:
        return lengths[0], dimension - lengths[0]
    queries, rows = units[:_QUERIES], units[_QUERIES:]
    best = np.partition(queries @ rows.T, -1, axis=1)
    # The sample's best stand for those of the whole library.
    rank = max(1, round(_WANTED * len(rows) / max(count, 1)))
    floors = np.sort(best, axis=1)[:, -rank]
    reading = {length: _share_that_reaches(queries, rows, length, floors) for length in lengths}

    def cost(head: int, middle: int) -> float:
        end = dimension - head - middle
        read = reading[head] * (_READ_COST + middle) if middle else 0.0
        return head + _ROW_COST + read + (reading[head + middle] * (_READ_COST + end) if end else 0.0)

    choices = [(head, both - head) for head in lengths for both in lengths if both > head or both == head == dimension]
    return min(choices, key=lambda choice: cost(*choice))


def _share_that_reaches(queries: Doubles, rows: Doubles, length: int, floors: Doubles) -> float:
    """Share of the rows whose bound by this many numbers reaches the floors of the queries (q,)."""
    rests = np.linalg.norm(queries[:, length:], axis=1)[:, None] * np.linalg.norm(rows[:, length:], axis=1)
    return float(np.mean(queries[:, :length] @ rows[:, :length].T + rests >= floors[:, None]))
