"""The two legs of a fused query as arrays, and the input checks that the modules of the search share."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.errors import InputError

Vector = NDArray[np.float64]


def check_fraction(name: str, fraction: float) -> None:
    """Raise InputError, with `field` in its context, unless `fraction` is within 0..1. NaN is not."""
    if not 0.0 <= fraction <= 1.0:
        raise InputError(f"{name} is {fraction}.", hint=f"Choose {name} between 0 and 1.", field=name)


def check_count(name: str, count: int) -> None:
    """Raise InputError, with `field` in its context, for a count below one."""
    if count < 1:
        raise InputError(f"{name} is {count}.", hint=f"Choose {name} of at least 1.", field=name)


def both_legs(image: ArrayLike, text: ArrayLike) -> tuple[Vector, Vector]:
    """The two legs of the same n candidates, (n,) each, in double precision; NaN stands for a missing side.

    Raises:
        ValueError: the legs differ in shape, are not one-dimensional, or hold infinity.
    """
    legs = np.asarray(image, dtype=np.float64), np.asarray(text, dtype=np.float64)
    if legs[0].ndim != 1 or legs[0].shape != legs[1].shape:
        raise ValueError(f"the legs have the shapes {legs[0].shape} and {legs[1].shape}")
    if np.isinf(legs).any():
        raise ValueError("a leg holds infinity")
    return legs


def weighted_sum(image: Vector, text: Vector, alpha: float) -> Vector:
    """The combined value, alpha * image + (1 - alpha) * text, (n,). A missing side adds nothing, as in SQL."""
    combined: Vector = alpha * np.nan_to_num(image) + (1 - alpha) * np.nan_to_num(text)
    return combined
