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
"""Number of similar pictures in one answer."""

HITS: Final = Range(1, 500)
"""Number of hits on one page of a search."""

DIVERSITY: Final = Range(0, 1)
"""Weight of diversity in a ranking: 0 ranks by relevance only, 1 by difference only."""

COSINE: Final = Range(-1, 1)
"""Cosine similarity of two vectors."""

ID: Final = Range(1, 2**63 - 1)
"""Ids of groups, events and other rows: positive bigints."""

PAGE: Final = Range(1, 500)
"""Number of rows on one page of a list in the API."""

LISTED: Final = Range(1, 10_000)
"""Number of rows that a command prints."""

EDITED_MEDIA: Final = Range(1, 10_000)
"""Number of pictures that one edit changes."""

EDITED_CLUSTERS: Final = Range(1, 1_000)
"""Number of groups that one edit changes."""

VERSIONS: Final = Range(1, 500)
"""Number of near-duplicates in one decision, besides the picture that is kept."""

QUERY_CHARACTERS: Final = Range(0, 2_000)
"""Length of a query in characters."""
