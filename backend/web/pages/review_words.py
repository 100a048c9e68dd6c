"""Labels of the queues on the review page: those of the review queue, and near-duplicates."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.rules.review import QUEUES, Queue, ReviewKind


class OtherQueue(StrEnum):
    """Queues of the page that are not part of the review queue."""

    NEAR_DUPLICATE = "near_duplicate"


PageQueue = ReviewKind | OtherQueue


@dataclass(frozen=True)
class QueueWords:
    """Labels of a queue, with the same fields as `Queue`."""

    tab: str
    about: str
    accept: str
    dismiss: str
    can_correct: bool = False


_NEAR_DUPLICATES = QueueWords("Duplicates", "Versions of one picture.", "Keep the best", "Keep all")
_ALL: list[tuple[PageQueue, Queue | QueueWords]] = [*QUEUES.items(), (OtherQueue.NEAR_DUPLICATE, _NEAR_DUPLICATES)]

WORDS: Final = dict(_ALL)
"""Labels of all queues, in the order of the tabs."""
