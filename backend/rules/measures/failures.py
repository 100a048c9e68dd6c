"""Which leg of a fused query let it down."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Fault(StrEnum):
    """Who prefers a wrong hit to the right one that it displaced.

    image, text: that leg alone; both: both legs; no_words: the text leg, but because the right one has no words at all.
    """

    IMAGE = "image"
    TEXT = "text"
    BOTH = "both"
    NO_WORDS = "no_words"


def find_faults(
    image: NDArray[np.floating],
    text: NDArray[np.floating],
    alpha: float,
    wrong: Sequence[int],
    displaced: Sequence[int],
) -> list[Fault]:
    """One fault for each wrong hit.

    A wrong hit stands before a right one only because alpha * image + (1 - alpha) * text is at least as much, so at least one
    leg brings it more, or they are equal: then both fail, having told nothing apart.

    Args:
        image: (n,) what the image leg brings before it is weighted, NaN where it is missing.
        text: (n,) the text leg, likewise.
        alpha: the weight of the image leg.
        wrong: rows of wrong hits, best first.
        displaced: rows of as many right media that stand behind them, best first.

    Raises:
        ValueError: their numbers differ.
    """
    faults = []
    for row, other in zip(wrong, displaced, strict=True):
        by_image = alpha * (_known(image[row]) - _known(image[other])) > 0
        by_text = (1 - alpha) * (_known(text[row]) - _known(text[other])) > 0
        if by_text and not by_image and np.isnan(text[other]):
            faults.append(Fault.NO_WORDS)
        elif by_image != by_text:
            faults.append(Fault.IMAGE if by_image else Fault.TEXT)
        else:
            faults.append(Fault.BOTH)
    return faults


def _known(value: np.floating) -> float:
    return 0.0 if np.isnan(value) else float(value)
