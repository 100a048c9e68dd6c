"""EXIF reader: camera, exposure and place as JSON values; text and time as MediaText."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeAlias

from PIL import ExifTags, Image

from backend.errors import InvalidText
from backend.files.metadata.places import PLACE_NAMES
from backend.files.text import MediaText, parse_taken_at

JSON: TypeAlias = str | int | float | bool | list["JSON"] | dict[str, "JSON"] | None

Tags: TypeAlias = Mapping[int, Any]

_MAX_VALUE_CHARACTERS: Final = 300
# Descriptions that cameras write automatically.
_CAMERA_DEFAULTS: Final = frozenset(
    {
        "olympus digital camera", "sony dsc", "digital camera", "minolta digital camera", "samsung", "default",
        "samsung camera pictures", "konica minolta digital camera", "kodak digital still camera", "exif_jpeg_picture",
        "jpeg", "untitled", "screenshot", "dcim", "dji", "camera", "dig", "hdr", "charset=ascii",
    }
)  # fmt: skip


def read_exif(exif: Image.Exif) -> dict[str, JSON]:
    """Return the readable fields as JSON-safe values, under names with units. Unreadable fields are omitted."""
    main = _ifd(exif, None)
    photo = _ifd(exif, ExifTags.IFD.Exif)
    found = {name: _value(main, tag, reader) for name, (tag, reader) in _MAIN_FIELDS.items()}
    found |= {name: _value(photo, tag, reader) for name, (tag, reader) in _PHOTO_FIELDS.items()}
    found |= _place(_ifd(exif, ExifTags.IFD.GPSInfo))
    return {name: value for name, value in found.items() if value not in (None, "")}


def read_exif_text(exif: Image.Exif) -> MediaText:
    """Return the description, the XP fields of Windows and the time of exposure, not yet cleaned or limited."""
    main = _ifd(exif, None)
    description = as_words(main.get(ExifTags.Base.ImageDescription)).strip()
    if description.casefold() in _CAMERA_DEFAULTS:
        description = ""
    return MediaText(
        title=_utf16(main.get(ExifTags.Base.XPTitle)),
        caption=description or _utf16(main.get(ExifTags.Base.XPComment)),
        keywords=tuple(word for word in _utf16(main.get(ExifTags.Base.XPKeywords)).split(";") if word.strip()),
        taken_at=_taken_at(main, _ifd(exif, ExifTags.IFD.Exif)),
    )


def as_words(value: object) -> str:
    """Decode text of unknown encoding (UTF-8, or else Latin-1), up to its first NUL; '' if it is not text."""
    if isinstance(value, str):
        # Pillow reads EXIF text as Latin-1; cameras and editors write UTF-8.
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:
            return str(value).split("\0", 1)[0]
    if not isinstance(value, bytes):
        return ""
    value = value.split(b"\0", 1)[0]
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def find_moment(*candidates: str) -> datetime | None:
    """Return the first candidate that is a valid time. Cameras whose clock is not set write zeros."""
    for candidate in candidates:
        with suppress(InvalidText):
            if moment := parse_taken_at(candidate):
                return moment
    return None


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


def _utf16(value: object) -> str:
    if isinstance(value, tuple):
        value = bytes(value)
    if not isinstance(value, bytes):
        return ""
    return value.decode("utf-16-le", "ignore").split("\0", 1)[0].strip()


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


def _taken_at(main: Tags, photo: Tags) -> datetime | None:
    original = as_words(photo.get(ExifTags.Base.DateTimeOriginal)).strip()
    offset = as_words(photo.get(ExifTags.Base.OffsetTimeOriginal)).strip()
    return find_moment(original + offset, original, as_words(main.get(ExifTags.Base.DateTime)))


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
