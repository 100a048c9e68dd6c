"""Moments as files and people give them: a clock, how precise it is, its zone or none, and how much it is worth."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import IntEnum
from functools import lru_cache
from re import compile as regular_expression
from typing import Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET: Final = regular_expression(r"(?:UTC|GMT)?([+-])(\d{1,2}):?([0-5]\d)?(?::?([0-5]\d))?")
_MAX_OFFSET: Final = timedelta(hours=24)

GIVEN_SOURCE: Final = "given"
"""The source of a moment that a person gave: with an upload, in a manifest, in a record, or by an edit."""


GUESS_SOURCE: Final = "file_name"
"""The source of a moment that a file's name tells."""


class Precision(IntEnum):
    """The smallest unit that a moment names."""

    YEAR = 1
    MONTH = 2
    DAY = 3
    MINUTE = 4
    SECOND = 5
    SUBSECOND = 6

    @property
    def has_clock(self) -> bool:
        """Whether it is a time of a day; otherwise it is a date or part of one."""
        return self >= Precision.MINUTE

    @property
    def label(self) -> str:
        """Its name in the database and the API."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> "Precision":
        """The precision of a label; a second if it is ''."""
        return cls[label.upper()] if label else cls.SECOND


class Standing(IntEnum):
    """What a moment says of the picture, from the least to the most."""

    GUESSED = 1
    """Derived from a file's name or folder."""
    MODIFIED = 2
    """The file was changed then."""
    SATELLITE = 3
    """The position was measured then. It may be older than the picture, if the receiver lost its satellites."""
    DIGITIZED = 4
    """The picture became a file then: the same as its original moment, or when a print was scanned."""
    ORIGINAL = 5
    """The picture was taken then."""
    GIVEN = 6
    """A person gave it for this picture."""


@dataclass(frozen=True, slots=True)
class DateCandidate:
    """One moment that a file or a person gives for a picture.

    Attributes:
        moment: the start of the year, month, day, ... that it names; without tzinfo it is a clock that names no zone.
        precision: the smallest unit that it names. The smaller ones of `moment` mean nothing.
        standing: what it says of the picture.
        source: the field that it comes from, such as 'exif:DateTimeOriginal'.
    """

    moment: datetime
    precision: Precision
    standing: Standing
    source: str

    def to_json(self) -> list[Any]:
        return [self.moment.isoformat(), int(self.precision), int(self.standing), self.source]

    @classmethod
    def from_json(cls, value: list[Any]) -> Self:
        moment, precision, standing, source = value
        return cls(datetime.fromisoformat(moment), Precision(precision), Standing(standing), source)


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name ('Europe/Paris') or an offset ('+02:00', 'UTC-3', 'Z').

    Raises ValueError: there is none of this name.
    """
    name = name.strip()
    if name.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    if match := _OFFSET.fullmatch(name.upper()):
        sign, hours, minutes, seconds = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
        if offset < _MAX_OFFSET:
            return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone.") from None


def in_zone(moment: datetime, precision: Precision, zone: tzinfo) -> datetime:
    """The moment with a zone: a clock that names none is read in `zone`. A date without a clock is its midnight in UTC
    whatever the zone, so that it reads as the same date everywhere."""
    if moment.tzinfo is not None and precision.has_clock:
        return moment
    return moment.replace(tzinfo=zone if precision.has_clock else UTC)
