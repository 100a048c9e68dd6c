"""Formatting of figures, dates and texts for the pages."""

import math
import re
from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup, escape

from backend.files.text import join_keywords
from backend.moments import GIVEN_SOURCE, GUESS_SOURCE

MISSING = "–"
_CONTAINERS = {name: name.upper() for name in ("exif", "iptc", "png", "xmp")} | {"takeout": "Google Takeout"}
_CODE = re.compile(r"`([^`]+)`")


def similarity(value: float | None) -> str:
    """A cosine with three decimals. Never a negative zero."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value + 0.0:.3f}".replace("-0.000", "0.000")


def count(value: int) -> str:
    """An integer with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def counted(value: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{count(value)} {noun if value == 1 else noun + 's'}"


def byte_size(value: int | None) -> str:
    """A size in the unit (powers of 1000) that leaves one to three digits before the decimal point."""
    if value is None:
        return MISSING
    size = float(value)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def moment(value: datetime | None) -> str:
    """`2026-11-23 10:15`, in the time zone of the value."""
    return MISSING if value is None else value.strftime("%Y-%m-%d %H:%M")


def day(value: datetime | None) -> str:
    """`23 Nov 2026`."""
    return MISSING if value is None else f"{value.day} {value:%b %Y}"


def taken(value: datetime | None, precision: str) -> str:
    """A date as far as it is known: `2004`, `May 2004`, `1 May 2004`, `2004-05-01 12:30`."""
    if value is None:
        return MISSING
    known = {"year": f"{value.year}", "month": f"{value:%b} {value.year}", "day": day(value)}
    return known.get(precision) or moment(value)


def date_source(source: str) -> str:
    """Where a date is from: `given`, `a guess from the file name`, `from EXIF DateTimeOriginal`."""
    if source == GIVEN_SOURCE:
        return "given"
    if source == GUESS_SOURCE:
        return "a guess from the file name"
    container, _, name = source.partition(":")
    return f"from {_CONTAINERS.get(container, container)} {name}".rstrip()


def keywords_line(keywords: Sequence[str]) -> str:
    """Keywords as a form shows them: `sea, "Doe, Jane"`."""
    return join_keywords(keywords)


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`: rounded to one unit."""
    if seconds is None:
        return MISSING
    value = max(seconds, 0.0)
    if value < 10:
        return f"{value:.1f} s"
    for unit, length, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if value < most:
            return f"{value / length:.0f} {unit}"
    return f"{value / 86_400:.0f} d"


def with_code(text: str) -> Markup:
    """Show what is in backticks as code, such as commands in errors. Everything is escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped
