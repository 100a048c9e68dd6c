"""The rule that chooses the moment of a picture among all that is said about it."""

from backend.rules.dates.choice import ChosenDate, choose_date

__all__ = ["ChosenDate", "choose_date"]
