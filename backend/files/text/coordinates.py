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
_SEPARATORS: Final = re.compile(
    r"""[,;/]|(?<=[\dNSEW°º'"′″’”HT])\s+(?=[\dNSEW+-])|(?<=[NSEW])(?=\d)|(?<=\d)(?=[NSEW])""", re.IGNORECASE
)
_DECIMAL_COMMAS: Final = re.compile(r"([+-]?\d{1,3}),(\d+)(?:\s*[;/]\s*|\s*,\s+|\s+)([+-]?\d{1,3}),(\d+)")
_DECIMAL: Final = re.compile(r"[+-]?\d{1,3}\.\d+")
_PLAIN: Final = re.compile(r"[+-]?\d{1,3}(?:\.\d+)?\s*[°º]?")
_LABELS: Final = re.compile(
    r"\b(?:(?P<latitude>lat(?:itude)?)|(?P<longitude>lon(?:g(?:itude)?)?|lng)|gps|wgs ?-?84|coordinates|coords)\b\.?\s*[:=]?",
    re.IGNORECASE,
)
_HEIGHT: Final = re.compile(r"\s*,\s*[+-]?\d+(?:\.\d+)?\s*m$", re.IGNORECASE)
# RFC 5870, and ISO 6709 as QuickTime has it.
_GEO_URI: Final = re.compile(
    r"geo:(?P<latitude>[+-]?\d+(?:\.\d+)?),(?P<longitude>[+-]?\d+(?:\.\d+)?)(?:,[+-]?\d+(?:\.\d+)?)?(?:[;?].*)?",
    re.IGNORECASE,
)
_ISO_6709: Final = re.compile(r"(?P<latitude>[+-]\d{1,2}\.\d+)(?P<longitude>[+-]\d{1,3}\.\d+)(?:[+-]\d+(?:\.\d+)?)?/?")
# Whole codes of https://github.com/google/open-location-code; short ones need the name of a town.
_PLUS_CODE: Final = re.compile(r"(?P<pairs>[2-9CFGHJMPQRVWX]{8})\+(?P<rest>[2-9CFGHJMPQRVWX]{0,7})", re.IGNORECASE)
_CODE_DIGITS: Final = "23456789CFGHJMPQRVWX"
_MAX_LATITUDE: Final = 90.0
_MAX_LONGITUDE: Final = 180.0
_SIXTY: Final = 60.0
_DIGITS: Final = 7
_LONGEST: Final = 64
_LONGEST_POSITION: Final = 120


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


def read_position(raw: str) -> tuple[float, float] | None:
    """Read degrees north and east from words that consist of nothing else; None for other words.

    Decimal degrees ('47.37, 8.54', '47,37; 8,54', '47.37N 8.54E', '(lat: 47.37, lon: 8.54)'), degrees and minutes
    ('47°22'12"N 8°32'24"E'), 'geo:47.37,8.54', ISO 6709 ('+47.37+008.54/') and whole plus codes ('8FVC9GCR+2X'). A first number
    that can only be a longitude is one.
    """
    words = " ".join(raw.replace("\u2212", "-").split())
    if len(words) > _LONGEST_POSITION or not any(character.isdigit() for character in words):
        return None
    if found := _GEO_URI.fullmatch(words) or _ISO_6709.fullmatch(words):
        return _pair(found["latitude"], found["longitude"])
    if found := _PLUS_CODE.fullmatch(words):
        return _decode(found["pairs"].upper(), found["rest"].upper())
    labels = [label.lastgroup for label in _LABELS.finditer(words) if label.lastgroup]
    words = _HEIGHT.sub("", _LABELS.sub(" ", words).strip(" ()[]{}.,;"))
    if found := _DECIMAL_COMMAS.fullmatch(words):
        return _pair(f"{found[1]}.{found[2]}", f"{found[3]}.{found[4]}")
    for separator in _SEPARATORS.finditer(words):
        first, second = words[: separator.start()].strip(), words[separator.end() :].strip(" ,;/")
        if labels[:1] == ["longitude"]:
            first, second = second, first
        if _is_pair(first, second, is_separated=separator[0] in ",;") and (position := _pair(first, second)):
            return position
    return None


def _is_pair(first: str, second: str, *, is_separated: bool) -> bool:
    """Whether two texts are meant as coordinates: both say their side, or both are plain numbers, which need a sign between them
    or decimals."""
    if all(part[:1].isalpha() or part[-1:].isalpha() for part in (first, second)):
        return True
    return all((_PLAIN if is_separated else _DECIMAL).fullmatch(part) for part in (first, second))


def _pair(first: str, second: str) -> tuple[float, float] | None:
    for north, east in ((first, second), (second, first)):
        latitude, longitude = read_latitude(north), read_longitude(east)
        if latitude is not None and longitude is not None:
            return latitude, longitude
    return None


def _decode(pairs: str, rest: str) -> tuple[float, float] | None:
    """The middle of the area of a plus code."""
    digits = [_CODE_DIGITS.index(digit) for digit in pairs + rest[:2]]
    latitude = longitude = 0.0
    size = 400.0
    for place in range(0, len(digits) - 1, 2):
        size /= 20
        latitude += digits[place] * size
        longitude += digits[place + 1] * size
    latitude, longitude = latitude + size / 2 - _MAX_LATITUDE, longitude + size / 2 - _MAX_LONGITUDE
    if latitude > _MAX_LATITUDE or longitude > _MAX_LONGITUDE:
        return None
    return round(latitude, _DIGITS), round(longitude, _DIGITS)


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
