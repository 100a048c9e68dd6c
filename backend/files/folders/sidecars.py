"""Sidecars, files with a picture's text: NAME.json, NAME.ext.json, NAME.txt, NAME.ext.txt, and those of Google Takeout."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from backend.errors import InvalidText
from backend.files.limits import Limits
from backend.files.metadata import JSON, PLACE_NAMES
from backend.files.text import (
    MediaText,
    clean_media_text,
    is_only_coordinates,
    parse_json_object,
    text_of_record,
    unwrap_lines,
)

_MAX_BYTES: Final = 1024 * 1024
# Takeout truncates the name before ".json" to this length.
_TAKEOUT_NAME_CHARACTERS: Final = 46
_MAX_ALTITUDE_METERS: Final = 100_000.0


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The content of a picture's sidecars.

    Attributes:
        text: its text.
        place: its coordinates under the same names as in `exif`; empty if there are none.
    """

    text: MediaText = field(default_factory=MediaText)
    place: dict[str, JSON] = field(default_factory=dict)

    def or_else(self, other: Self) -> Self:
        """Fill empty fields from `other`."""
        return type(self)(self.text.or_else(other.text), self.place or other.place)


def read_sidecar(picture: Path, limits: Limits) -> Sidecar:
    """Read and clean the sidecars of `picture`. The more exactly named file wins, and JSON wins over text.

    A text file becomes the caption, or the story if it is too long for a caption. Coordinates never become the location,
    which is visible to everyone.

    Raises:
        InvalidText: a sidecar cannot be read; the detail begins with its path.

    """
    sidecar = Sidecar()
    for path in _candidates(picture):
        if path.is_file():
            sidecar = sidecar.or_else(_read(path, picture, limits))
    return sidecar


def _candidates(picture: Path) -> Iterator[Path]:
    name, stem = picture.name, picture.stem
    takeout = f"{name}.supplemental-metadata"[:_TAKEOUT_NAME_CHARACTERS]
    names = (f"{name}.json", f"{takeout}.json", f"{stem}.json", f"{name}.txt", f"{stem}.txt")
    # A file without an extension, or a picture named x.json, must not be its own sidecar.
    return (picture.with_name(one) for one in dict.fromkeys(names) if one != name)


def _read(path: Path, picture: Path, limits: Limits) -> Sidecar:
    try:
        raw = _load(path)
        if path.suffix == ".txt":
            return Sidecar(_plain_text(raw, limits))
        record = parse_json_object(raw)
        if _is_takeout(record):
            text = text_of_record(_from_takeout(record, picture), limits, date_source="takeout:photoTakenTime")
            return Sidecar(text, _place(record.get("geoData")))
        text = text_of_record(record, limits)
        if is_only_coordinates(text.location):
            latitude, longitude = map(float, text.location.split(","))
            return Sidecar(replace(text, location=""), _place({"latitude": latitude, "longitude": longitude}))
        return Sidecar(text)
    except InvalidText as error:
        raise InvalidText(f"{path}: {error.detail}", hint=error.hint, **(error.context | {"path": str(path)})) from None


def _load(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidText("The sidecar is larger than 1 MiB.", hint="Shorten it or move it away.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidText("The sidecar is not UTF-8.", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise InvalidText(f"The sidecar cannot be opened ({error.strerror}).", hint="Check its permissions.") from None


def _plain_text(raw: str, limits: Limits) -> MediaText:
    as_caption = clean_media_text(MediaText(story=unwrap_lines(raw)), limits)
    if len(as_caption.story) > limits.max_caption_characters:
        return as_caption
    return MediaText(caption=as_caption.story)


def _is_takeout(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("photoTakenTime"), dict)


def _from_takeout(record: Mapping[str, Any], picture: Path) -> dict[str, Any]:
    title = record.get("title")
    # The title in Takeout is often the file name, which does not describe the picture.
    is_file_name = isinstance(title, str) and Path(title).suffix.lower() == picture.suffix.lower()
    return {
        "title": None if is_file_name else title,
        "description": record.get("description"),
        "taken_at": _moment(record["photoTakenTime"]),
    }


def _place(geo: Any) -> dict[str, JSON]:
    if not isinstance(geo, dict):
        return {}
    latitude, longitude = _number(geo.get("latitude"), 90.0), _number(geo.get("longitude"), 180.0)
    # Takeout writes zeros if the place is unknown.
    if latitude is None or longitude is None or latitude == longitude == 0.0:
        return {}
    altitude = _number(geo.get("altitude"), _MAX_ALTITUDE_METERS) or None
    found = zip(PLACE_NAMES, (latitude, longitude, altitude), strict=True)
    return {name: value for name, value in found if value is not None}


def _number(value: Any, bound: float) -> float | None:
    """The number, or None if it is out of bounds. NaN and infinity, which Python's JSON accepts, are out of bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -bound <= value <= bound:
        return None
    return round(float(value), 7)


def _moment(taken: Mapping[str, Any]) -> str | None:
    try:
        return datetime.fromtimestamp(float(taken["timestamp"]), UTC).isoformat()
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
