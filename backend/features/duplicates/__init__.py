"""Near-duplicates: detection, comparison and marking for deletion."""

from backend.features.duplicates.comparison import compare_all, compare_waiting, hash_missing
from backend.features.duplicates.marks import delete_marked, mark_others, unmark
from backend.features.duplicates.near_duplicates import (
    NearDuplicateGroup,
    keep_all,
    keep_best,
    read_groups,
    take_back_keep_all,
)
from backend.features.duplicates.sharpness import compare_sharpness

__all__ = [
    "NearDuplicateGroup",
    "compare_all",
    "compare_sharpness",
    "compare_waiting",
    "delete_marked",
    "hash_missing",
    "keep_all",
    "keep_best",
    "mark_others",
    "read_groups",
    "take_back_keep_all",
    "unmark",
]
