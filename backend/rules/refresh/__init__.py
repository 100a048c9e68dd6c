"""The rule that decides which words of a file that is read again replace those of its picture."""

from backend.rules.refresh.fields import FileRole, Outcome, decide_fields

__all__ = ["FileRole", "Outcome", "decide_fields"]
