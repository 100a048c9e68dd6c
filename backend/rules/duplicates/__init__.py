"""Which pictures are near-duplicates of each other."""

from backend.rules.duplicates.near_duplicates import UNDECIDED, choose_keepers, near_rows

__all__ = ["UNDECIDED", "choose_keepers", "near_rows"]
