"""The rule that finds near-duplicates among pictures."""

from backend.rules.duplicates.near_duplicates import UNDECIDED, choose_keepers, near_rows

__all__ = ["UNDECIDED", "choose_keepers", "near_rows"]
