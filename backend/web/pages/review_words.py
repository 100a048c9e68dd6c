"""The queues of the review page: those of the review, and near-duplicates."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.rules.review import QUEUES, Queue, ReviewKind


class OtherQueue(StrEnum):
    """A queue of the page that the review queue knows nothing of."""

    NEAR_DUPLICATE = "near_duplicate"


PageQueue = ReviewKind | OtherQueue


@dataclass(frozen=True)
class QueueWords:
    """The same words as of a queue of the review: see `Queue`."""

    tab: str
    about: str
    accept: str
    dismiss: str
    can_correct: bool = False


_NEAR_DUPLICATES = QueueWords("Duplicates", "Versions of one picture.", "Keep the best", "Keep all")
_ALL: list[tuple[PageQueue, Queue | QueueWords]] = [*QUEUES.items(), (OtherQueue.NEAR_DUPLICATE, _NEAR_DUPLICATES)]

WORDS: Final = dict(_ALL)
"""In the order of the tabs."""
