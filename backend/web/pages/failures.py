"""Failed pictures, grouped by error code."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from backend.errors import MediaclusterError, error_kinds
from backend.store.operations import FailedMedia

_UNKNOWN: Final = (MediaclusterError.happened, "Fix the cause, then try again.")


@dataclass(frozen=True)
class FailureGroup:
    """Failed pictures with one error code.

    Attributes:
        code: the error code.
        what: what happened, in words.
        what_to_do: advice.
        size: number of failed pictures with this code.
        newest: the newest of them.
    """

    code: str
    what: str
    what_to_do: str
    size: int
    newest: list[FailedMedia]


def group_failures(failures: Sequence[FailedMedia]) -> list[FailureGroup]:
    """Group failures by code. They must be sorted by code."""
    kinds = error_kinds()
    groups = []
    for code, members in groupby(failures, key=lambda failed: failed.error_code):
        newest = list(members)
        kind = kinds.get(code)
        said = _UNKNOWN if kind is None else (kind.happened, kind.advice)
        groups.append(FailureGroup(code, *said, newest[0].size, newest))
    return groups
