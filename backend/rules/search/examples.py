"""Queries from several examples: "like these, not like that".

The query has one vector per side, by the formula of Rocchio (Relevance feedback in information retrieval, 1971): the mean
of the positives minus a share of the mean of the negatives. Any index can answer it. Vectors of one encoder share a
direction without meaning (all pictures have cosines above 0 to each other), and the difference cancels a part of it. For
words the shared direction is a different one; it subtracts the same from every picture and so does not change the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import InputError, InvalidVector
from backend.rules.search.legs import Vector
from backend.vectors import unit_rows

# Rocchio's usual weights, 0.75 and 0.15 next to a query in words, are 1 to 0.2. A negative that a person picks weighs more.
NEGATIVE_WEIGHT = 0.5
# A difference of unit vectors below this length is only their rounding error in half precision.
_LEAST_LENGTH = 1e-3


@dataclass(frozen=True, eq=False)
class Example:
    """An example of a query: a stored picture, an uploaded picture or words.

    Attributes:
        image: vector (d,) of the image side, None if it has none.
        text: vector (e,) of the text side, None if it has none.
    """

    image: NDArray[np.floating] | None
    text: NDArray[np.floating] | None


@dataclass(frozen=True, eq=False)
class Query:
    """The combined query.

    Attributes:
        image: unit vector (d,) of the image side, None for a side that is not searched.
        text: unit vector (e,) of the text side, None likewise.
    """

    image: Vector | None
    text: Vector | None


def combine(
    positives: Sequence[Example],
    negatives: Sequence[Example] = (),
    positive_weight: float = 1.0,
    negative_weight: float = NEGATIVE_WEIGHT,
) -> Query:
    """Combine all examples into one query. Each side uses the examples that have it.

    A side that no positive has stays None, even if a negative has it: what is not wanted does not say what is wanted.
    A side is also None if positives and negatives cancel out.

    Raises:
        InputError: there is no positive, or a weight is negative, not finite, or 0 for the positives.
        InvalidVector: a vector is zero or not finite, or the vectors of a side differ in dimension.
    """
    if not positives:
        raise InputError(
            "There is no positive example.", hint="Name at least one picture to be like.", field="positives"
        )
    if not 0 < positive_weight < np.inf:
        raise InputError(
            f"positive_weight is {positive_weight}.", hint="Choose a number above 0.", field="positive_weight"
        )
    if not 0 <= negative_weight < np.inf:
        raise InputError(
            f"negative_weight is {negative_weight}.", hint="Choose a number of 0 or more.", field="negative_weight"
        )
    weights = positive_weight, negative_weight
    return Query(
        _rocchio([example.image for example in positives], [example.image for example in negatives], *weights),
        _rocchio([example.text for example in positives], [example.text for example in negatives], *weights),
    )


def _rocchio(
    positives: Sequence[NDArray[np.floating] | None],
    negatives: Sequence[NDArray[np.floating] | None],
    positive_weight: float,
    negative_weight: float,
) -> Vector | None:
    wanted, unwanted = _mean_of_units(positives), _mean_of_units(negatives)
    if wanted is None:
        return None
    direction = positive_weight * wanted
    if unwanted is not None:
        if unwanted.shape != wanted.shape:
            raise InvalidVector(f"Positives have {len(wanted)} dimensions, negatives {len(unwanted)}.")
        direction = direction - negative_weight * unwanted
    length = float(np.linalg.norm(direction))
    return None if length < _LEAST_LENGTH * positive_weight else direction / length


def _mean_of_units(vectors: Sequence[NDArray[np.floating] | None]) -> Vector | None:
    present = [np.asarray(vector) for vector in vectors if vector is not None]
    if not present:
        return None
    if len({vector.shape for vector in present}) > 1:
        raise InvalidVector(f"Examples differ in dimension: {sorted({vector.shape for vector in present})}.")
    mean: Vector = unit_rows(np.stack(present)).mean(axis=0)
    return mean
