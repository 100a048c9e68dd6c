"""What the review queue holds, from where on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ReviewVerdict(StrEnum):
    """What a curator says of an item.

    accept: the media is where it belongs, or the clusters are to be merged or split. correct: the media belongs into
    another cluster. dismiss: leave it as it is, and do not ask again.
    """

    ACCEPT = "accept"
    CORRECT = "correct"
    DISMISS = "dismiss"


@dataclass(frozen=True)
class Bounds:
    """From where on something is worth a look.

    margin: a decision that a similarity this much different would have changed.
    outlier_z: robust standard deviations below the cluster's median (3.5: Iglewicz and Hoaglin, 1993).
    least_deviation: taken for the deviation of a cluster that is tighter, where nothing that stands off is odd.
    least_members: of a cluster in which outliers mean something, and that may be incoherent.
    caption_normal_score: of the caption with its own picture among captions with unrelated ones; 0 is the middle.
    merge_reach: how far below the threshold two centroids may be.
    """

    margin: float = 0.02
    outlier_z: float = 3.5
    least_deviation: float = 0.01
    least_members: int = 5
    caption_normal_score: float = 1.5
    merge_reach: float = 0.02


BOUNDS: Final = Bounds()

MOST_ITEMS: Final = 5000
"""Items of one kind that are kept, the most urgent ones."""
