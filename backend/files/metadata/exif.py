"""EXIF reader: camera, exposure and place as JSON values; words and moments as fields."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from PIL import ExifTags, Image

from backend.files.metadata.encodings import as_comment, as_told_words, as_utf16, as_words
from backend.files.metadata.fields import DATES, Fields
from backend.files.metadata.json_values import JSON
from backend.files.metadata.places import PLACE_NAMES
from backend.files.text import read_date
from backend.moments import DateCandidate

Tags: TypeAlias = Mapping[int, Any]

_MAX_VALUE_CHARACTERS: Final = 300
# Hours ahead of UTC, of the standard that came before OffsetTime.
_TIME_ZONE_OFFSET: Final = 0x882A


def read_exif(exif: Image.Exif) -> dict[str, JSON]:
    """Return the readable fields as JSON-safe values, under names with units. Unreadable fields are omitted."""
    main = _ifd(exif, None)
    photo = _ifd(exif, ExifTags.IFD.Exif)
    found = {name: _value(main, tag, reader) for name, (tag, reader) in _MAIN_FIELDS.items()}
    found |= {name: _value(photo, tag, reader) for name, (tag, reader) in _PHOTO_FIELDS.items()}
    found |= _place(_ifd(exif, ExifTags.IFD.GPSInfo))
    return {name: value for name, value in found.items() if value not in (None, "")}


def read_exif_fields(exif: Image.Exif) -> Fields:
    """Return the words, moments and place of an EXIF block, as they stand there."""
    main, photo, gps = _ifd(exif, None), _ifd(exif, ExifTags.IFD.Exif), _ifd(exif, ExifTags.IFD.GPSInfo)
    fields = Fields()
    description = as_told_words(
        main.get(ExifTags.Base.ImageDescription), "The description in the EXIF block", fields.warnings
    )
    fields.add_words("exif:ImageDescription", [description])
    fields.add_words("exif:XPTitle", [as_utf16(main.get(ExifTags.Base.XPTitle))])
    fields.add_words("exif:XPComment", [as_utf16(main.get(ExifTags.Base.XPComment))])
    fields.add_words("exif:XPSubject", [as_utf16(main.get(ExifTags.Base.XPSubject))])
    fields.add_words("exif:XPKeywords", as_utf16(main.get(ExifTags.Base.XPKeywords)).split(";"))
    fields.add_words("exif:UserComment", [as_comment(photo.get(ExifTags.Base.UserComment), exif.endian or "<")])
    # Raw formats have the moments in the main directory.
    both = {**main, **photo}
    for source, (moment, subseconds, offsets) in _MOMENTS.items():
        fields.add_date(
            read_date(
                as_words(both.get(moment)),
                DATES[source],
                source,
                offset=_first_offset(both, offsets),
                subseconds=as_words(both.get(subseconds)),
            )
        )
    fields.add_date(_satellite_moment(gps))
    if place := _place(gps):
        fields.places["exif:GPSLatitude"] = {name: value for name, value in place.items() if value is not None}
    return fields


def _first_offset(tags: Tags, offsets: tuple[int, ...]) -> str:
    """The first zone that is set. Cameras whose zone is not set write blanks."""
    for tag in offsets:
        value = tags.get(tag)
        if tag == _TIME_ZONE_OFFSET:
            hours = value[0] if isinstance(value, tuple) and value else value
            if isinstance(hours, int):
                return f"{hours:+03d}:00"
        elif (offset := as_words(value).strip(" :")) and offset != "+":
            return offset
    return ""


def _satellite_moment(gps: Tags) -> DateCandidate | None:
    source = "exif:GPSDateStamp"
    day = as_words(gps.get(ExifTags.GPS.GPSDateStamp)).strip()
    micros = _value(gps, ExifTags.GPS.GPSTimeStamp, _microseconds)
    if not day or not isinstance(micros, int) or micros < 0:
        return None
    seconds, fraction = divmod(micros, 1_000_000)
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    part = f".{fraction:06d}" if fraction else ""
    return read_date(f"{day} {hour:02d}:{minute:02d}:{second:02d}{part}Z", DATES[source], source)


def _microseconds(clock: Any) -> int:
    """Since midnight. Each of the three parts may have decimals."""
    hours, minutes, seconds = (float(part) for part in clock)
    return round((hours * 3600 + minutes * 60 + seconds) * 1_000_000)


def _ifd(exif: Image.Exif, ifd: ExifTags.IFD | None) -> Tags:
    try:
        return dict(exif) if ifd is None else exif.get_ifd(ifd)
    except Exception:  # noqa: BLE001 - Pillow raises a dozen types here; one broken directory must not cost the others
        return {}


def _value(tags: Tags, tag: int, reader: Callable[[Any], JSON]) -> JSON:
    try:
        return reader(tags[tag])
    except (KeyError, ValueError, TypeError, ArithmeticError, IndexError):
        return None


def _words(value: object) -> str:
    printable = (character if character.isprintable() else " " for character in as_words(value))
    return " ".join("".join(printable).split())[:_MAX_VALUE_CHARACTERS]


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(number)
    return round(number, 7)


def _whole(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)


def _place(gps: Tags) -> dict[str, JSON]:
    latitude = _degrees(gps, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, 90.0)
    longitude = _degrees(gps, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, 180.0)
    # Many cameras write zeros while they have no GPS fix.
    if latitude is None or longitude is None or latitude == longitude == 0.0:
        return {}
    altitude = _value(gps, ExifTags.GPS.GPSAltitude, _number)
    if isinstance(altitude, float) and gps.get(ExifTags.GPS.GPSAltitudeRef) in (1, b"\x01"):
        altitude = -altitude
    return dict(zip(PLACE_NAMES, (latitude, longitude, altitude), strict=True))


def _degrees(gps: Tags, tag: int, reference_tag: int, bound: float) -> float | None:
    def read(parts: Any) -> float:
        degrees, minutes, seconds = (*map(_number, parts), 0.0, 0.0)[:3]
        return round(degrees + minutes / 60 + seconds / 3600, 7)

    value = _value(gps, tag, read)
    if not isinstance(value, float) or not 0.0 <= value <= bound:
        return None
    return -value if as_words(gps.get(reference_tag)).strip().upper() in {"S", "W"} else value


_MAIN_FIELDS: Final[dict[str, tuple[int, Callable[[Any], JSON]]]] = {
    "make": (ExifTags.Base.Make, _words),
    "model": (ExifTags.Base.Model, _words),
    "software": (ExifTags.Base.Software, _words),
    "artist": (ExifTags.Base.Artist, _words),
    "copyright": (ExifTags.Base.Copyright, _words),
    "orientation": (ExifTags.Base.Orientation, _whole),
}
_PHOTO_FIELDS: Final[dict[str, tuple[int, Callable[[Any], JSON]]]] = {
    "lens_make": (ExifTags.Base.LensMake, _words),
    "lens_model": (ExifTags.Base.LensModel, _words),
    "date_time_original": (ExifTags.Base.DateTimeOriginal, _words),
    "offset_time_original": (ExifTags.Base.OffsetTimeOriginal, _words),
    "exposure_seconds": (ExifTags.Base.ExposureTime, _number),
    "f_number": (ExifTags.Base.FNumber, _number),
    "iso": (ExifTags.Base.ISOSpeedRatings, _whole),
    "focal_length_mm": (ExifTags.Base.FocalLength, _number),
    "focal_length_35mm_mm": (ExifTags.Base.FocalLengthIn35mmFilm, _whole),
    "flash": (ExifTags.Base.Flash, _whole),
}
_MOMENTS: Final[dict[str, tuple[int, int, tuple[int, ...]]]] = {
    "exif:DateTimeOriginal": (
        ExifTags.Base.DateTimeOriginal,
        ExifTags.Base.SubsecTimeOriginal,
        (
            ExifTags.Base.OffsetTimeOriginal,
            ExifTags.Base.OffsetTimeDigitized,
            ExifTags.Base.OffsetTime,
            _TIME_ZONE_OFFSET,
        ),
    ),
    "exif:DateTimeDigitized": (
        ExifTags.Base.DateTimeDigitized,
        ExifTags.Base.SubsecTimeDigitized,
        (
            ExifTags.Base.OffsetTimeDigitized,
            ExifTags.Base.OffsetTimeOriginal,
            ExifTags.Base.OffsetTime,
            _TIME_ZONE_OFFSET,
        ),
    ),
    # The zone of an exposure is not that of a later change.
    "exif:DateTime": (ExifTags.Base.DateTime, ExifTags.Base.SubsecTime, (ExifTags.Base.OffsetTime,)),
}
"""The tags of each moment: its own, that of its sub-seconds, and those of its zone, the nearest first."""
