"""Search over coded media in one pass for many orders, with a cascade of bounds.

A picture has up to two unit vectors; an order's value is image * sim_image + text * sim_text with its weights. Each side is rotated by its
own `Basis`, so that an order stays a matter of the query: its vectors are rotated and weighted, and the codes are the same for all orders.

**The bounds.** Let x be a unit vector of one side in its basis, cut into parts x = (x_1, x_2, x_3): head, middle, end. What is stored of a
part is its code c_j with a scale s_j. With e_j = x_j - s_j c_j and q cut alike, after the first p parts

    <q, x> = sum_{j<=p} s_j <q_j, c_j>  +  <q_{<=p}, e_{<=p}>  +  <q_{>p}, x_{>p}>

and by Cauchy-Schwarz the second term is at most |q_{<=p}| |e_{<=p}|, the third at most |q_{>p}| |x_{>p}|. Both lengths of the row are stored,
rounded up; those of the query are known. The query is coded too, as q_j = q'_j + f_j, which adds |<f, s c>| <= |f| (1 + |e|). The remaining
terms bound the rounding of single precision, here and in Postgres, and the skew of the rotation. All are bounds for each row and query;
none is an estimate. Sides add up with their weights, which are not negative.

**The pass.** A row is left as soon as its upper bound is below the floor: the k-th greatest lower bound so far, of rows that take part.
Floors only rise. So when the pass ends, each row that was left has a value below the final floor, and at least k rows reach it: the best k are
among the contenders, whose upper bounds reach it. Ties at the k-th place reach it as well and are all returned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from backend.rules.search.basis import Basis
from backend.rules.search.contenders import Rows, Side, Weights
from backend.vectors import unit_rows

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Codes16 = NDArray[np.int16]

_MOST_CODE = 127
_MOST_QUERY_CODE = 32_767
_UNIT_ROUNDOFF_32 = 2.0**-24
_ROUND_UP = 1 + 1e-6
_BLOCK = 4096
_SPARE_CONTENDERS = 4096
# Columns of head_bounds, for the image and, 2 on, for the text: length of what the code of the head has lost, and of what follows the head.
_LOST, _REST = 0, 1
# Of both sides: the scale of the heads, in units of `Basis.head_scale`.
_HEAD_SCALE = 4
_HEAD_BOUNDS = 5
# Columns of tail_bounds, for the image and, 5 on, for the text: scale of the middle; length of what the codes of head and middle have lost, and
# of the end; scale of the end; length of what all codes have lost.
_MIDDLE_SCALE, _MIDDLE_LOST, _MIDDLE_REST, _END_SCALE, _END_LOST = range(5)
_OF_TEXT = 5
# Scales and lengths of a picture.
BOUND_BYTES = 4 * (_HEAD_BOUNDS + 2 * _OF_TEXT)


class Kind(IntFlag):
    """What a picture is, for orders in which only some take part."""

    LIVE = 1
    WITH_TEXT = 2
    WITHOUT_TEXT = 4


@dataclass(frozen=True, eq=False)
class Probe:
    """An order that is searched: the best `wanted` of the media that are all of `kind`.

    Attributes:
        image: (d,) query vector of any length except zero; None if images have no weight.
        text: (e,) the same for texts.
        weights: weights of both sides, not negative.
        wanted: number of best media wanted, at least 1.
        kind: bits that a picture needs to take part.
    """

    image: NDArray[np.floating] | None
    text: NDArray[np.floating] | None
    weights: Weights
    wanted: int
    kind: Kind = Kind.LIVE


@dataclass(frozen=True, eq=False)
class Reached:
    """Result of a probe.

    Attributes:
        rows: (c,) all rows that can be among the best.
        floor: all other rows that take part have lower values. -inf if there are none.
    """

    rows: Rows
    floor: float


@dataclass(frozen=True, eq=False)
class CodedMedia:
    """Coded vectors of both sides, in the bases of a library. Rows that were not written count as media without vectors.

    Attributes:
        bases: those of image and text.
        heads: image (n, h) and text (n, g), int8.
        head_bounds: (5, n) lengths and scales, see `_LOST`.
        tails: image (n, d - h) and text (n, e - g), int8.
        tail_bounds: (n, 10) scales and lengths, see `_MIDDLE_SCALE`.
    """

    bases: tuple[Basis, Basis]
    heads: tuple[NDArray[np.int8], NDArray[np.int8]]
    head_bounds: Floats
    tails: tuple[NDArray[np.int8], NDArray[np.int8]]
    tail_bounds: Floats

    def __len__(self) -> int:
        return len(self.heads[0])

    @classmethod
    def empty(cls, count: int, bases: tuple[Basis, Basis]) -> "CodedMedia":
        """Room for `count` rows."""
        image, text = bases
        return cls(
            bases,
            (np.zeros((count, image.head), dtype=np.int8), np.zeros((count, text.head), dtype=np.int8)),
            np.zeros((_HEAD_BOUNDS, count), dtype=np.float32),
            (
                np.zeros((count, image.dimension - image.head), dtype=np.int8),
                np.zeros((count, text.dimension - text.head), dtype=np.int8),
            ),
            np.zeros((count, 2 * _OF_TEXT), dtype=np.float32),
        )

    def write(self, begin: int, images: Floats, texts: Floats | None) -> None:
        """Code vectors (m, d) and (m, e) of any length except zero into the rows from `begin` on. Media may have no texts."""
        for start in range(0, len(images), _BLOCK):
            block = slice(start, start + _BLOCK)
            self._write_block(begin + start, (images[block], None if texts is None else texts[block]))

    def _write_block(self, begin: int, vectors: tuple[Floats, Floats | None]) -> None:
        rotated = [
            None if one is None else basis.rotate(unit_rows(one))
            for one, basis in zip(vectors, self.bases, strict=True)
        ]
        # One scale for both heads of a row: then one sum of products is the value of an order.
        highest = [
            np.abs(one[:, : basis.head]).max(axis=1) / basis.head_scale
            for one, basis in zip(rotated, self.bases, strict=True)
            if one is not None
        ]
        scales = (np.maximum.reduce(highest) / _MOST_CODE).astype(np.float32)
        self.head_bounds[_HEAD_SCALE, begin : begin + len(scales)] = scales
        for side, one in enumerate(rotated):
            if one is not None:
                self._write_side(side, begin, one, scales)

    def _write_side(self, side: int, begin: int, rotated: Doubles, scales: Floats) -> None:
        basis = self.bases[side]
        rows = slice(begin, begin + len(rotated))
        parts = np.split(rotated, [basis.head, basis.head + basis.middle], axis=1)
        steps = np.where(scales > 0, scales, 1.0).astype(np.float64)[:, None] * basis.head_scale
        codes = np.clip(np.rint(parts[0] / steps), -_MOST_CODE, _MOST_CODE)
        self.heads[side][rows] = codes
        lost = [parts[0] - codes * steps]
        self.head_bounds[2 * side + _LOST, rows] = _length(*lost)
        self.head_bounds[2 * side + _REST, rows] = _length(*parts[1:])
        bounds = self.tail_bounds[rows, _OF_TEXT * side :]
        for part, begin_part, scale, loss in (
            (parts[1], 0, _MIDDLE_SCALE, _MIDDLE_LOST),
            (parts[2], basis.middle, _END_SCALE, _END_LOST),
        ):
            highest = (np.abs(part).max(axis=1, initial=0.0) / _MOST_CODE).astype(np.float32)
            steps = np.where(highest > 0, highest, 1.0).astype(np.float64)[:, None]
            codes = np.clip(np.rint(part / steps), -_MOST_CODE, _MOST_CODE)
            self.tails[side][rows, begin_part : begin_part + part.shape[1]] = codes
            lost.append(part - codes * steps)
            bounds[:, scale] = steps[:, 0]
            bounds[:, loss] = _length(*lost)
        bounds[:, _MIDDLE_REST] = _length(parts[2])

    def first(self, count: int) -> "CodedMedia":
        """A view of the first rows."""
        return CodedMedia(
            self.bases,
            (self.heads[0][:count], self.heads[1][:count]),
            self.head_bounds[:, :count],
            (self.tails[0][:count], self.tails[1][:count]),
            self.tail_bounds[:count],
        )

    def grown(self, count: int) -> "CodedMedia":
        """The same rows in a copy with room for `count`."""
        larger = CodedMedia.empty(count, self.bases)
        larger.head_bounds[:, : len(self)] = self.head_bounds
        for new, old in zip(larger.heads + larger.tails, self.heads + self.tails, strict=True):
            new[: len(self)] = old
        larger.tail_bounds[: len(self)] = self.tail_bounds
        return larger


def _length(*parts: Doubles) -> Floats:
    """Lengths (n,) of rows that are given in parts, rounded up by more than the rounding error of single precision."""
    lengths: Floats = _lengths(np.concatenate(parts, axis=1)).astype(np.float32)
    return lengths


def reach(media: CodedMedia, kinds: NDArray[np.uint8], probes: Sequence[Probe]) -> list[Reached | None]:
    """For each probe, the rows that can be among its best, found in one pass over memory. `kinds` (n,) has the bits of `Kind` of each row.

    None for a probe that more rows tie for than are worth measuring.
    """
    from backend.rules.search.cascade_kernel import scan_cascade

    if not probes:
        return []
    queries = _code(media.bases, probes)
    sizes = np.array([probe.wanted for probe in probes], dtype=np.int64)
    best = np.full((len(probes), sizes.max()), -np.inf, dtype=np.float32)
    rows = np.empty((len(probes), 4 * int(sizes.max()) + _SPARE_CONTENDERS), dtype=np.int64)
    uppers = np.empty(rows.shape, dtype=np.float32)
    counts = np.zeros(len(probes), dtype=np.int64)
    scan_cascade(
        *media.heads,
        media.head_bounds,
        *media.tails,
        media.tail_bounds,
        kinds,
        np.array([basis.middle for basis in media.bases]),
        *queries.heads,
        *queries.tails,
        queries.numbers,
        np.array([probe.kind for probe in probes], dtype=np.uint8),
        best,
        sizes,
        rows,
        uppers,
        counts,
    )
    found: list[Reached | None] = []
    for index, count in enumerate(counts):
        floor = float(best[index, 0])
        reached = uppers[index, : max(count, 0)] >= floor
        found.append(None if count < 0 else Reached(rows[index, :count][reached], floor))
    return found


def measure_side(media: CodedMedia, side: int, query: NDArray[np.floating]) -> Side:
    """Approximate cosines (n,) of a query to the vectors of one side, 0 for the image and 1 for the text, and their error bounds (n,)."""
    from backend.rules.search.cascade_kernel import write_sums

    weights = Weights(1.0, 0.0) if side == 0 else Weights(0.0, 1.0)
    probe = Probe(query if side == 0 else None, query if side == 1 else None, weights, 1)
    query_codes = _code(media.bases, [probe])
    numbers = query_codes.numbers[0]
    about = np.empty(len(media), dtype=np.float32)
    bounds = media.tail_bounds[:, _OF_TEXT * side :]
    write_sums(
        media.heads[side],
        media.head_bounds[_HEAD_SCALE],
        media.tails[side],
        media.tail_bounds,
        _OF_TEXT * side,
        media.bases[side].middle,
        query_codes.heads[side][0],
        query_codes.tails[side][0],
        numbers[_STEP],
        numbers[_TAIL_STEP + side],
        about,
    )
    off = np.float32(numbers[_SLACK]) + np.float32(numbers[_ALL_LOST + side]) * bounds[:, _END_LOST]
    return about, off


# Columns of the numbers of a query. Those of an image are followed by those of the text. Lengths of the query are weighted, and multiply the
# lengths of a row.
_STEP, _SLACK = 0, 1
_HEAD_LOST, _HEAD_REST = 2, 3
_TAIL_STEP = 6
_BOTH_LOST, _BOTH_REST = 8, 9
_ALL_LOST = 12
_NUMBERS = 14


@dataclass(frozen=True, eq=False)
class _Queries:
    """Coded queries of m probes.

    Attributes:
        heads: image (m, h) and text (m, g), with one step.
        tails: image (m, i) and text (m, t).
        numbers: (m, 14), see `_STEP`.
    """

    heads: tuple[Codes16, Codes16]
    tails: tuple[Codes16, Codes16]
    numbers: Doubles


def _code(bases: tuple[Basis, Basis], probes: Sequence[Probe]) -> _Queries:
    sides = (
        _weighted(bases[0], [(probe.image, probe.weights.image) for probe in probes]),
        _weighted(bases[1], [(probe.text, probe.weights.text) for probe in probes]),
    )
    numbers = np.zeros((len(probes), _NUMBERS))
    scaled = [side[:, : basis.head] * basis.head_scale for side, basis in zip(sides, bases, strict=True)]
    heads, numbers[:, _STEP], lost = _quantise(np.concatenate(scaled, axis=1))
    heads_lost = np.split(lost, [bases[0].head], axis=1)
    tails = []
    for index, (side, basis) in enumerate(zip(sides, bases, strict=True)):
        tail, numbers[:, _TAIL_STEP + index], tail_lost = _quantise(side[:, basis.head :])
        tails.append(tail)
        both = basis.head + basis.middle
        # What the codes of the query have lost, for a row of length 1. Codes of a row are longer than that by at most what they have lost.
        own = _lengths(heads_lost[index]) / basis.head_scale + _lengths(tail_lost)
        whole = _lengths(side)
        numbers[:, _HEAD_LOST + 2 * index] = own + _lengths(side[:, : basis.head])
        numbers[:, _HEAD_REST + 2 * index] = _lengths(side[:, basis.head :])
        numbers[:, _BOTH_LOST + 2 * index] = own + _lengths(side[:, :both])
        numbers[:, _BOTH_REST + 2 * index] = _lengths(side[:, both:])
        numbers[:, _ALL_LOST + index] = own + whole
        numbers[:, _SLACK] += own + whole * (2 * (basis.dimension + 16) * _UNIT_ROUNDOFF_32 + basis.skew)
    # Sums in single precision, of numbers below 4.
    numbers[:, _SLACK] += 64 * _UNIT_ROUNDOFF_32
    image_heads, text_heads = (np.ascontiguousarray(part) for part in np.split(heads, [bases[0].head], axis=1))
    return _Queries((image_heads, text_heads), (tails[0], tails[1]), numbers)


def _weighted(basis: Basis, asked: Sequence[tuple[NDArray[np.floating] | None, float]]) -> Doubles:
    """Unit vectors (m, d) in a basis, times their weights. Zero for those without one."""
    from backend.rules.search.cascade_kernel import rotate_few

    vectors = np.zeros((len(asked), basis.dimension))
    given = [(row, vector, weight) for row, (vector, weight) in enumerate(asked) if vector is not None and weight]
    if given:
        rows, queries, weights = zip(*given, strict=True)
        vectors[list(rows)] = unit_rows(np.stack(queries)) * np.array(weights)[:, None]
    rotated = np.zeros_like(vectors)
    rotate_few(vectors, basis.rotation, rotated)
    return rotated


def _quantise(numbers: Doubles) -> tuple[Codes16, Doubles, Doubles]:
    """Codes (m, d) whose sums of products with a row's codes fit in 32 bits, values (m,) of a code, and what is lost (m, d). A value is 0 if
    all numbers are zero."""
    most = min(_MOST_QUERY_CODE, (2**31 - 1) // (_MOST_CODE * max(numbers.shape[1], 1)))
    steps = np.abs(numbers).max(axis=1, initial=0.0) / most
    codes = np.clip(np.rint(numbers / np.where(steps > 0, steps, 1.0)[:, None]), -most, most)
    return codes.astype(np.int16), steps, numbers - codes * steps[:, None]


def _lengths(rows: Doubles) -> Doubles:
    """Lengths (m,) of rows, rounded up by more than the rounding error of single precision."""
    lengths: Doubles = np.sqrt(np.einsum("ij,ij->i", rows, rows)) * _ROUND_UP
    return lengths
