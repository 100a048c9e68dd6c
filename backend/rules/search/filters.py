"""What a search is narrowed to. Filters are joined by AND; an empty one narrows nothing."""

from dataclasses import dataclass, fields
from datetime import datetime


@dataclass(frozen=True)
class Filters:
    """cluster_ids: in one of these; keywords_any, keywords_all: whatever their case; taken_from, taken_until: inclusive;
    location: contained in the media's, whatever its case; mime, source: equal to one of these.
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
