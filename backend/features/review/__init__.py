"""The review queue, and curators' decisions."""

from backend.features.review.decisions import Decided, decide, item_name, take_back
from backend.features.review.judgements import judge, keep, list_newest, list_said, withdraw_judgements
from backend.features.review.queue import count_queues, explain, read_queue, refresh_queue

__all__ = [
    "Decided",
    "count_queues",
    "decide",
    "explain",
    "item_name",
    "judge",
    "keep",
    "list_newest",
    "list_said",
    "read_queue",
    "refresh_queue",
    "take_back",
    "withdraw_judgements",
]
