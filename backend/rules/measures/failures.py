"""Attribution of wrong hits of a fused query to the leg that caused them."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Fault(StrEnum):
    """The leg that ranks a wrong hit above the right one that it displaced.

    IMAGE and TEXT stand for that leg alone, BOTH for both legs. NO_WORDS is the text leg, where the right picture has no
    words at all.
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
    """Attribute each wrong hit to a leg.

    A wrong hit precedes a right one only if its alpha * image + (1 - alpha) * text is at least as great. So at least one
    leg rates it higher, or both rate the two equal, in which case both legs failed to tell them apart.

    Args:
        image: (n,) contribution of the image leg before weighting, NaN if it is missing.
        text: (n,) contribution of the text leg, likewise.
        alpha: weight of the image leg.
        wrong: rows of the wrong hits, best first.
        displaced: rows of the right pictures that they displaced, best first.

    Raises:
        ValueError: `wrong` and `displaced` differ in length.
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
