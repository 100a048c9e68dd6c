"""Ranges of numbers that users choose, defined once for settings, HTTP, the command line, messages and the database."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Range:
    """A range from `low` to `high`. With `is_open`, `low` itself is excluded."""

    low: int
    high: int
    is_open: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.is_open else self.low <= value) and value <= self.high

    def sql(self, column: str) -> str:
        """The condition for a CHECK."""
        return f"{column} {'>' if self.is_open else '>='} {self.low} AND {column} <= {self.high}"


ALPHA: Final = Range(0, 1)
"""Weight of the image similarity."""

THRESHOLD: Final = Range(0, 1, is_open=True)
"""Smallest cosine to a group's centroid. With 0 or less, any picture would join."""

SIMILAR: Final = Range(1, 500)
"""Number of similar pictures per request."""

HITS: Final = Range(1, 500)
"""How many hits of a search are on a page."""

DIVERSITY: Final = Range(0, 1)
"""0 ranks by relevance only, 1 by difference only."""

COSINE: Final = Range(-1, 1)
"""The similarity of two vectors."""

ID: Final = Range(1, 2**63 - 1)
"""The numbers of groups, events and other rows."""

PAGE: Final = Range(1, 500)
"""How many rows of a list the API returns at once."""

LISTED: Final = Range(1, 10_000)
"""How many rows a command prints."""

EDITED_MEDIA: Final = Range(1, 10_000)
"""How many pictures one edit may change."""

EDITED_CLUSTERS: Final = Range(1, 1_000)
"""How many groups one edit may change."""

VERSIONS: Final = Range(1, 500)
"""How many near-duplicates are decided on at once, beside the one that stays."""

QUERY_CHARACTERS: Final = Range(0, 2_000)
"""How long the words of a query may be."""
