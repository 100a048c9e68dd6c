"""Filters of a search. They are joined by AND; an empty filter has no effect."""

from dataclasses import dataclass, fields
from datetime import datetime


@dataclass(frozen=True)
class Filters:
    """The filters of one search.

    Attributes:
        cluster_ids: the picture is in one of these groups.
        keywords_any: it has at least one of these keywords, ignoring case and accents.
        keywords_all: it has all of these keywords, ignoring case and accents.
        taken_from: it was taken at this time or later.
        taken_until: it was taken at this time or earlier.
        location: its location contains this text, ignoring case and accents.
        mime: its MIME type is one of these.
        source: its source is one of these.
    """

    cluster_ids: tuple[int, ...] = ()
    keywords_any: tuple[str, ...] = ()
    keywords_all: tuple[str, ...] = ()
    taken_from: datetime | None = None
    taken_until: datetime | None = None
    location: str = ""
    mime: tuple[str, ...] = ()
    source: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, field.name) for field in fields(self))
