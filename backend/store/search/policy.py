"""Parameters of fused search, read from the SQL function that also gives them to `search_media`."""

import re
from dataclasses import dataclass
from typing import Any

from backend.store.functions import function_source

_NUMBER = re.compile(r"^ +([\d.]+) AS (\w+),?$", re.MULTILINE)


@dataclass(frozen=True)
class SearchPolicy:
    """Parameters of fused search. `store/functions/search_policy.sql` explains each."""

    first_effort: int
    most_first_effort: int
    effort_per_row: int
    effort_growth: int
    last_effort: int
    most_effort: int
    depth_base: int
    depth_per_row: int
    spare_base: int
    spare_part: int
    image_from_alpha: float
    text_up_to_alpha: float
    stable_part: int
    hopeless_part: int
    few_media_in_sql: int
    few_media: int
    few_filtered_media: int
    readable_media: int
    most_overdrawn: int
    most_rows: int

    def effort_of_first_pass(self, k: int) -> int:
        return min(self.most_first_effort, max(self.first_effort, self.effort_per_row * k))

    def deepest(self, k: int) -> int:
        """The largest number of candidates from an index, unless a bound needs more."""
        return self.depth_base + self.depth_per_row * k

    def depth(self, k: int, effort: int) -> int:
        """Number of candidates from an index at this effort."""
        return max(self.least_depth(k), min(effort, self.deepest(k)))

    def least_depth(self, k: int) -> int:
        """The smallest number of candidates from an index."""
        return k + k // self.spare_part + self.spare_base

    def is_stable(self, fresh: int, k: int) -> bool:
        """Whether `fresh` new results among the k best are few enough to stop."""
        return fresh <= k // self.stable_part

    def is_hopeless(self, fresh: int, k: int) -> bool:
        """Whether `fresh` new results among the k best are so many that the indexes cannot answer this query."""
        return fresh > k // self.hopeless_part


def _read_policy() -> SearchPolicy:
    numbers: dict[str, Any] = {
        name: float(number) if "." in number else int(number)
        for number, name in _NUMBER.findall(function_source("search_policy"))
    }
    return SearchPolicy(**numbers)


SEARCH_POLICY = _read_policy()
