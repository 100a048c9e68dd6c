"""Rules about dates: the moment of a picture among all that is said about it, and what a date in a filter means."""

from backend.rules.dates.choice import ChosenDate, choose_date
from backend.rules.dates.filters import read_begin, read_end

__all__ = ["ChosenDate", "choose_date", "read_begin", "read_end"]
