"""Reader of coordinates, as XMP, exiftool and people write them."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?(?:/\d+)?")
_SHAPE: Final = re.compile(
    r"(?P<before>[NSEW])?\s*(?P<sign>[+-])?\s*(?P<degrees>\d+(?:\.\d+)?)\s*(?:deg|°|º|,|:|\s|$|(?=[NSEW]))\s*"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)\s*(?:['′’,:\s]|$|(?=[NSEW]))\s*"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)\s*(?:[\"″”]|''|′′|\s|$|(?=[NSEW]))\s*)?)?"
    r"(?P<after>[NSEW]|north|south|east|west)?",
    re.IGNORECASE,
)
_MAX_LATITUDE: Final = 90.0
_MAX_LONGITUDE: Final = 180.0
_SIXTY: Final = 60.0
_DIGITS: Final = 7
_LONGEST: Final = 64


def read_latitude(raw: object) -> float | None:
    """Read degrees north; None if it is not a latitude. See `read_longitude`."""
    return _read(raw, _MAX_LATITUDE, "NS")


def read_longitude(raw: object) -> float | None:
    r"""Read degrees east; None if it is not a longitude.

    A number, or XMP's '2,17.67W' and '2,17,40.2W', exiftool's '2 deg 17' 40.20" W', '-2.2945', 'W 2.2945'.
    """
    return _read(raw, _MAX_LONGITUDE, "EW")


def read_number(raw: object) -> float | None:
    """Read a number, '+12.5' or the fraction '1251/10' of XMP; None if it is not one."""
    if isinstance(raw, bool):
        return None
    value = str(raw).strip()[:_LONGEST] if isinstance(raw, int | float | str) else ""
    sign = -1.0 if value.startswith("-") else 1.0
    match = _NUMBER.match(value.lstrip("+-"))
    if match is None:
        return None
    numerator, _, denominator = match[0].partition("/")
    divisor = float(denominator or 1)
    return round(sign * float(numerator) / divisor, _DIGITS) if divisor else None


def _read(raw: object, bound: float, letters: str) -> float | None:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return round(float(raw), _DIGITS) if -bound <= raw <= bound else None
    match = _SHAPE.fullmatch(raw.strip()[:_LONGEST]) if isinstance(raw, str) else None
    if match is None:
        return None
    letter = (match["before"] or match["after"] or "")[:1].upper()
    minutes, seconds = float(match["minutes"] or 0), float(match["seconds"] or 0)
    value = float(match["degrees"]) + minutes / 60 + seconds / 3600
    if (letter and letter not in letters) or max(minutes, seconds) >= _SIXTY or value > bound:
        return None
    return round(-value if match["sign"] == "-" or letter in {"S", "W"} else value, _DIGITS)
