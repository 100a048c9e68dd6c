"""Dates that people filter by: a year, month, day or time, as the begin or the end of what it names."""

import re
from calendar import monthrange
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from backend.errors import InvalidQuery

# ISO 8601, long or short. Four digits are a year and eight a day: digits are never Unix seconds here.
_WRITTEN: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)|(?P<hyphen>-?)(?P<month_of_day>\d\d)(?P=hyphen)(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?)?",
    re.ASCII,
)


def read_begin(raw: str | None, field: str) -> datetime | None:
    """The first moment, in UTC, of the year, month, day, minute or second that a filter names; None for '' and None.

    It is ISO 8601: 2015, 2015-06, 2015-06-06, 20150606, 2015-06-06T12:30, 2015-06-06T12:30:15.5+02:00. Without a zone it is
    UTC, as dates of pictures without a clock are.

    Raises:
        InvalidQuery: it is none of these, or there is no such day or time. The error names the `field`.
    """
    return _read(raw, field, is_end=False)


def read_end(raw: str | None, field: str) -> datetime | None:
    """The last microsecond of what a filter names, read like `read_begin`: 2015-06-06 is 2015-06-06T23:59:59.999999Z."""
    return _read(raw, field, is_end=True)


def _read(raw: str | None, field: str, *, is_end: bool) -> datetime | None:
    written = (raw or "").strip()
    if not written:
        return None
    if match := _WRITTEN.fullmatch(written.upper()):
        with suppress(ValueError, OverflowError):
            return _moment_of(match, is_end=is_end).astimezone(UTC)
    raise InvalidQuery(
        f"{field} is {written[:64]!r}, which is not a date.",
        hint="Write a year, month or day, such as 2015, 2015-06 or 2015-06-06, or a time, such as "
        "2015-06-06T12:30:00+02:00 (in a URL, + is written %2B).",
        field=field,
    )


def _moment_of(match: re.Match[str], *, is_end: bool) -> datetime:
    """Raises ValueError: there is no such day, time or zone."""
    part = match.groupdict()
    year, month = int(part["year"]), part["month"] or part["month_of_day"]
    last_month = 12 if is_end else 1
    month_number = int(month) if month else last_month
    last_day = monthrange(year, month_number)[1] if is_end else 1
    if part["hour"] is None:
        clock = (23, 59, 59, 999_999) if is_end else (0, 0, 0, 0)
        return datetime(year, month_number, int(part["day"] or last_day), *clock, tzinfo=UTC)
    zone = UTC if part["zone"] is None else datetime.fromisoformat(f"2000-01-01T00:00{part['zone']}").tzinfo
    second = int(part["second"] or (59 if is_end else 0))
    fraction = part["fraction"] or ("999999" if is_end else "")
    clock = (int(part["hour"]), int(part["minute"]), second, int(fraction[:6].ljust(6, "0")))
    return datetime(year, month_number, int(part["day"]), *clock, tzinfo=zone)
