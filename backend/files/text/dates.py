"""Reader of dates and times, as metadata, file names, records and people write them."""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from backend.errors import InvalidText
from backend.moments import GUESS_SOURCE, DateCandidate, Precision, Standing

_YEARS: Final = range(1000, 9999)
_END_OF_DAY: Final = (24, 0, 0)
_LEAP_SECOND: Final = 60
# ISO 8601 in its long and short form, EXIF (2024:05:01 12:30:00), IPTC (20240501), XMP (2004, 2004-05).
_DATE: Final = r"(?P<year>\d{4})(?:(?P<sign>[:/.-]?)(?P<month>\d{1,2})(?:(?P=sign)(?P<day>\d{1,2}))?)?"
_CLOCK: Final = (
    r"(?:[T ]\s*(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?:\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?))?)?"
)
_MOMENT: Final = re.compile(_DATE + _CLOCK)
_OFFSET: Final = re.compile(r"([+-])(\d{1,2})(?::?([0-5]\d))?")
_MAX_OFFSET: Final = timedelta(hours=15)
# Cameras write blanks for what they do not know ("2004:05:     :  :  ") and for leading zeros ("2004: 5: 1").
_BLANK_END: Final = re.compile(r"[\s:]+$")
_BLANK_ZERO: Final = re.compile(r"(?<=:) (?=\d(?!\d))")

# RFC 1123, which the PNG specification suggests ("Sat, 15 Apr 2023 08:15:30 GMT"), and that of C ("Sat Apr 15 08:15:30 2023").
_NAMED_CLOCK: Final = r"(?P<clock>\d{1,2}:\d{2}:\d{2})(?:\s+(?P<zone>[A-Z]{1,4}|[+-]\d{2}:?\d{2})\b)?"
_NAMED_MONTHS: Final = (
    re.compile(
        r"(?:[A-Za-z]{3,9},?\s+)?(?P<day>\d{1,2})[ -](?P<month>[A-Za-z]{3})[a-z]*[ -](?P<year>\d{4})(?:\s+"
        + _NAMED_CLOCK
        + ")?"
    ),
    re.compile(r"[A-Za-z]{3}\s+(?P<month>[A-Za-z]{3})\s+(?P<day>\d{1,2})\s+" + _NAMED_CLOCK + r"\s+(?P<year>\d{4})\b"),
)
_MONTHS: Final = "janfebmaraprmayjunjulaugsepoctnovdec"
_NAMED_ZONES: Final = {
    "UT": "UTC", "EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600",
    "PST": "-0800", "PDT": "-0700", "CET": "+0100", "CEST": "+0200",
}  # fmt: skip

_SECONDS: Final = re.compile(r"[+-]?\d+(?:\.\d+)?")
# Digits that a person writes: four are a year, and less than five are no moment but a mistake.
_A_YEAR: Final = re.compile(r"1[89]\d\d|20\d\d")
_LEAST_DIGITS: Final = 5
_A_DATE: Final = re.compile(r"\d{8}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BLANK: Final = _EPOCH.replace(tzinfo=None)

# Digits alone are a date from 1990 on, when cameras began to name files by it.
_NAME_DAY: Final = (
    r"(?<!\d)(?P<year>(?:18|19|20)\d\d)(?:(?P<sign>[-_.])(?P<month>\d\d)(?P=sign)(?P<day>\d\d)"
    r"|(?<=199\d|20\d\d)(?P<month2>0[1-9]|1[0-2])(?P<day2>0[1-9]|[12]\d|3[01])"
    r"|[年년]\s?(?P<month3>\d{1,2})[月월]\s?(?P<day3>\d{1,2})[日일])"
)
# Before a clock that is written as one, screenshots and WhatsApp have a word of any language: at, um, a las, в. Hours of one digit need their signs, or they could be counters.
_NAME_CLOCK: Final = (
    r"(?:(?:[-_. T]|\s(?:[^\W\d_]{1,8}\.?\s){1,2}(?=\d\d?[.:]\d\d[.:]\d\d(?!\d)))?(?:(?P<half>上午|下午|午前|午後|오전|오후)\s?)?"
    r"(?P<hour>[01]\d|2[0-3]|(?<=[\s午前後전후日일])\d(?=[.:h时時시]\s?\d\d?[.:m分분]))[-_.:h时時시]?\s?"
    r"(?P<minute>[0-5]\d|(?<=[时時시\s])\d(?=[分분]))[-_.:m分분]?\s?(?P<second>[0-5]\d|(?<=[分분\s])\d(?=[秒초]))[秒초]?"
    r"(?:[-_.]?(?P<fraction>\d{3}))?(?:\s*(?P<half2>[AaPp])\.?[Mm])?"
    r"(?P<zone>Z(?![^\W_])|\+[01]\d[_:.]?[0-5]\d|-[01]\d[_:][0-5]\d)?)?(?!\d)"
)
_NAME_DATE: Final = re.compile(_NAME_DAY + _NAME_CLOCK)
_AFTERNOONS: Final = frozenset({"P", "p", "下午", "午後", "오후"})
# In the names of LINE the day of the download follows the name of the album, which may be a date itself.
_NAMED_BY_ALBUM: Final = "LINE_ALBUM_"
# Messengers and networks name files after Unix milliseconds.
_NAME_MILLISECONDS: Final = re.compile(r"(?<!\d)(1\d{12})(?!\d)")
# Pixel phones name files in UTC.
_NAMED_IN_UTC: Final = "PXL_"


def read_date(
    raw: str, standing: Standing, source: str, *, offset: str = "", subseconds: str = ""
) -> DateCandidate | None:
    """Read a date or time of metadata; None if it is not one. It ends at the first zero or blank: '2004:05:00' is a month.

    Args:
        raw: the text. What follows a time is ignored.
        standing: see `DateCandidate`.
        source: see `DateCandidate`.
        offset: the zone, such as '+02:00', if the text names none.
        subseconds: the digits after the second, if the text has none.
    """
    match = _MOMENT.match(_BLANK_ZERO.sub("0", _BLANK_END.sub("", _with_number(raw.strip()))))
    found = None if match is None else _moment_of(match.groupdict(), offset, subseconds)
    return None if found is None else DateCandidate(*found, standing, source)


def _with_number(raw: str) -> str:
    """A date whose month is an English name, in numbers; any other text as it is."""
    match = next((found for one in _NAMED_MONTHS if (found := one.match(raw))), None)
    month = _MONTHS.find(match["month"].lower()) if match else -1
    if match is None or month % len("jan") or month < 0:
        return raw
    zone = match["zone"] or ""
    clock = f" {match['clock'].zfill(len('12:30:00'))} {_NAMED_ZONES.get(zone, zone)}" if match["clock"] else ""
    return f"{match['year']}-{month // len('jan') + 1:02}-{match['day']:0>2}{clock}"


def read_epoch(seconds: object, standing: Standing, source: str) -> DateCandidate | None:
    """Read Unix seconds of any length and sign, a number or its digits; None if they are not a moment."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | str):
        return None
    moment = _from_epoch(str(seconds).strip())
    return None if moment is None else DateCandidate(moment, Precision.SECOND, standing, source)


def guess_date(name: str) -> DateCandidate | None:
    """Guess the date from a file name, such as IMG-20190504-WA0003.jpg or PXL_20210102_101530123.jpg."""
    name = unicodedata.normalize("NFC", name)
    for match in _NAME_DATE.finditer(name):
        part = match.groupdict()
        part |= {
            "sign": None if part["month3"] else part["sign"] or "",
            "month": part["month"] or part["month2"] or part["month3"],
            "day": part["day"] or part["day2"] or part["day3"],
            "half": part["half"] or part["half2"],
            "zone": "Z" if name.startswith(_NAMED_IN_UTC) else re.sub(r"[_.]", ":", part["zone"] or ""),
        }
        if name.startswith(_NAMED_BY_ALBUM):
            part["hour"] = None
        if (found := _moment_of(part, "", "")) is not None:
            return DateCandidate(*found, Standing.GUESSED, GUESS_SOURCE)
    milliseconds = _NAME_MILLISECONDS.search(name)
    return read_epoch(int(milliseconds[1]) // 1000, Standing.GUESSED, GUESS_SOURCE) if milliseconds else None


def parse_date(value: object, *, is_date: bool = False) -> tuple[datetime, Precision] | None:
    """Parse what a person gives as a moment; None for '' and null. Without tzinfo it names no zone.

    It is ISO 8601, also in parts (2004, 2004-05), EXIF's '2024:05:01 12:30:00', or Unix seconds, as any number is.
    `is_date`: the field is said to hold dates, so eight digits are YYYYMMDD and not seconds.

    Raises:
        InvalidText: it is none of these, or the year is not between 1000 and 9998.

    """
    raw = "" if value is None else str(value).strip()
    if not raw:
        return None
    if isinstance(value, int | float) or _is_epoch(raw, is_date=is_date):
        moment = _from_epoch(raw)
        found = None if moment is None else (moment, Precision.SECOND)
    else:
        match = _MOMENT.fullmatch(raw)
        found = None if match is None else _moment_of(match.groupdict(), "", "", is_exact=True)
    if found is None:
        raise InvalidText(
            f"taken_at is {raw[:64]!r}, which is not a date and time.",
            hint="Write it like 2024-05-01T12:30:00+02:00.",
            field="taken_at",
        )
    return found


def parse_taken_at(raw: str) -> datetime | None:
    """Parse a time like `parse_date`, and read one without a zone as UTC."""
    found = parse_date(raw)
    if found is None:
        return None
    return found[0] if found[0].tzinfo else found[0].replace(tzinfo=UTC)


def _is_epoch(raw: str, *, is_date: bool) -> bool:
    if not _SECONDS.fullmatch(raw) or _A_YEAR.fullmatch(raw) or (is_date and _A_DATE.fullmatch(raw)):
        return False
    return len(raw) >= _LEAST_DIGITS


def _from_epoch(raw: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        whole, _, fraction = raw.partition(".")
        seconds = timedelta(seconds=int(whole)) if not fraction else timedelta(seconds=float(raw))
        moment = _EPOCH + seconds
        return moment if moment.year in _YEARS else None
    return None


def _moment_of(
    part: Mapping[str, str | None], offset: str, subseconds: str, *, is_exact: bool = False
) -> tuple[datetime, Precision] | None:
    """The moment of a match. `is_exact`: None unless all that was written is valid."""
    date = _date_of(part, is_exact=is_exact)
    if date is None or date[1] is not Precision.DAY or part["hour"] is None:
        return date
    if is_exact and part["zone"] and _zone_of(part["zone"]) is None:
        return None
    try:
        return _with_clock(date[0], part, offset, subseconds)
    except ValueError:
        return None if is_exact else date


def _date_of(part: Mapping[str, str | None], *, is_exact: bool) -> tuple[datetime, Precision] | None:
    month_digits, day_digits = part["month"] or "", part["day"] or ""
    if part["sign"] == "" and len(month_digits + day_digits) != len("MMDD"):
        return None
    year, month, day = int(part["year"] or 0), int(month_digits or 0), int(day_digits or 0)
    if year not in _YEARS or (is_exact and ((month_digits and not month) or (day_digits and not day))):
        return None
    day = day if month else 0
    try:
        moment = _BLANK.replace(year=year, month=month or 1, day=day or 1)
    except ValueError:
        return None
    return moment, Precision.DAY if day else Precision.MONTH if month else Precision.YEAR


def _with_clock(
    day: datetime, part: Mapping[str, str | None], offset: str, subseconds: str
) -> tuple[datetime, Precision]:
    """Raises ValueError: the time is not one of a day."""
    hour, minute = int(part["hour"] or 0), int(part["minute"] or 0)
    if part["half"]:
        hour = hour % 12 + (12 if part["half"] in _AFTERNOONS else 0)
    second = int(part["second"] or 0)
    # ISO 8601 and Postgres: 24:00:00 is the midnight that ends a day, and a leap second the begin of the next minute.
    is_end = (hour, minute, second) == _END_OF_DAY
    is_leap = second == _LEAP_SECOND
    moment = day.replace(
        hour=0 if is_end else hour,
        minute=minute,
        second=59 if is_leap else second,
        tzinfo=_zone_of(part["zone"] or offset),
    )
    moment += timedelta(days=is_end, seconds=is_leap)
    if moment.year not in _YEARS:
        raise ValueError(moment)
    if part["second"] is None:
        return moment, Precision.MINUTE
    fraction = part["fraction"] or subseconds.strip()
    # Digits that EXIF has beside the second; anything else there is ignored.
    if not (fraction.isascii() and fraction.isdigit()):
        return moment, Precision.SECOND
    return moment.replace(microsecond=int(fraction[:6].ljust(6, "0"))), Precision.SUBSECOND


def _zone_of(raw: str) -> tzinfo | None:
    """The zone of an offset; None if there is none, or if it is further off than any zone."""
    raw = raw.strip()
    if raw.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    match = _OFFSET.fullmatch(raw)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset > _MAX_OFFSET:
        return None
    return timezone(-offset if match[1] == "-" else offset)
