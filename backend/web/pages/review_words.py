"""What the review page calls its queues, and what each answer means there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.rules.review import ReviewKind


class ReviewQueue(StrEnum):
    """The queues in the order of their tabs: those of the review, and near-duplicates."""

    SMALL_MARGIN = ReviewKind.SMALL_MARGIN.value
    OUTLIER = ReviewKind.OUTLIER.value
    CAPTION_DISAGREEMENT = ReviewKind.CAPTION_DISAGREEMENT.value
    MERGE_CANDIDATE = ReviewKind.MERGE_CANDIDATE.value
    SPLIT_CANDIDATE = ReviewKind.SPLIT_CANDIDATE.value
    NEAR_DUPLICATE = "near_duplicate"


@dataclass(frozen=True)
class QueueWords:
    """tab, about: the name of a queue and what is in it; accept, dismiss: the answers; can_correct: whether a picture may
    be put elsewhere."""

    tab: str
    about: str
    accept: str
    dismiss: str
    can_correct: bool = False


WORDS: Final = {
    ReviewQueue.SMALL_MARGIN: QueueWords(
        "Close calls",
        "Pictures that only just joined, or just missed, a group.",
        "Keep it here",
        "Leave it",
        can_correct=True,
    ),
    ReviewQueue.OUTLIER: QueueWords(
        "Outliers", "Far from the others in their group.", "Keep it here", "Leave it", can_correct=True
    ),
    ReviewQueue.CAPTION_DISAGREEMENT: QueueWords(
        "Captions",
        "The caption does not match the picture.",
        "Caption fits",
        "Leave it",
        can_correct=True,
    ),
    ReviewQueue.MERGE_CANDIDATE: QueueWords("Merge", "Two groups that look like one.", "Merge", "Keep apart"),
    ReviewQueue.SPLIT_CANDIDATE: QueueWords("Split", "Groups that look like two.", "Split", "Keep together"),
    ReviewQueue.NEAR_DUPLICATE: QueueWords("Duplicates", "Versions of one picture.", "Keep the best", "Keep all"),
}
