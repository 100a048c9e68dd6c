"""Ranges of numbers that people choose, said once for settings, HTTP, the command line, messages and the database."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Range:
    """From `low` to `high`. is_open: `low` itself is outside."""

    low: int
    high: int
    is_open: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.is_open else self.low <= value) and value <= self.high

    def sql(self, column: str) -> str:
        """The condition of a CHECK."""
        return f"{column} {'>' if self.is_open else '>='} {self.low} AND {column} <= {self.high}"


ALPHA: Final = Range(0, 1)
"""The weight of the image side."""

THRESHOLD: Final = Range(0, 1, is_open=True)
"""The smallest cosine to a group's centroid. Cosines of 0 and less would let anything in."""

SIMILAR: Final = Range(1, 500)
"""How many similar pictures are asked for at once."""
