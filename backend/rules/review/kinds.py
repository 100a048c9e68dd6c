"""Verdicts of a review, and the bounds from which something becomes a review item."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.rules.grouping import CLOSE_CALL


class ReviewVerdict(StrEnum):
    """A curator's decision on a review item.

    ACCEPT: the picture is where it belongs, or the clusters should be merged or split. CORRECT: the picture belongs to
    another cluster. DISMISS: leave it as it is, and do not ask again.
    """

    ACCEPT = "accept"
    CORRECT = "correct"
    DISMISS = "dismiss"


@dataclass(frozen=True)
class Bounds:
    """Bounds from which something becomes a review item.

    Attributes:
        margin: greatest margin of a decision that counts as a close call.
        outlier_z: robust standard deviations below the cluster's median (3.5: Iglewicz and Hoaglin, 1993).
        least_deviation: lower bound of a cluster's deviation, so that a very tight cluster has no spurious outliers.
        least_members: smallest cluster that can have outliers or be incoherent.
        caption_normal_score: normal score of a caption's similarity to its own picture, among unrelated captions and
            pictures; 0 is the median. Below this bound the caption disagrees with the picture.
        merge_reach: how far below the threshold the cosine of two centroids may be for a merge candidate.
    """

    margin: float = CLOSE_CALL
    outlier_z: float = 3.5
    least_deviation: float = 0.01
    least_members: int = 5
    caption_normal_score: float = 1.5
    merge_reach: float = 0.02


BOUNDS: Final = Bounds()

MOST_ITEMS: Final = 5000
"""Number of items kept of each kind, the most urgent ones."""
