"""Text that lies next to a picture: NAME.json, NAME.ext.json, NAME.txt, NAME.ext.txt, and Google Takeout's files."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from backend.errors import InvalidText
from backend.ingest.limits import Limits
from backend.ingest.records import parse_json_object, text_of_record
from backend.ingest.text import MediaText, clean_media_text

_MAX_BYTES: Final = 1024 * 1024
# Takeout cuts the name before ".json" to this length, wherever that falls.
_TAKEOUT_NAME_CHARACTERS: Final = 46


def read_sidecar(picture: Path, limits: Limits) -> MediaText:
    """Return what the sidecars of `picture` say, cleaned; the more exactly named file wins, JSON before text.

    A text file is the caption, or the story where it is too long for one.

    Raises:
        InvalidText: a sidecar cannot be read; the detail begins with its path.

    """
    text = MediaText()
    for path in _candidates(picture):
        if path.is_file():
            text = text.or_else(_read(path, picture, limits))
    return text


def _candidates(picture: Path) -> Iterator[Path]:
    name, stem = picture.name, picture.stem
    takeout = f"{name}.supplemental-metadata"[:_TAKEOUT_NAME_CHARACTERS]
    names = (f"{name}.json", f"{takeout}.json", f"{stem}.json", f"{name}.txt", f"{stem}.txt")
    # A file without an extension, or one that is itself called x.json, must not be its own sidecar.
    return (picture.with_name(one) for one in dict.fromkeys(names) if one != name)


def _read(path: Path, picture: Path, limits: Limits) -> MediaText:
    try:
        raw = _load(path)
        if path.suffix == ".txt":
            return _plain_text(raw, limits)
        record = parse_json_object(raw)
        if _is_takeout(record):
            record = _from_takeout(record, picture)
        return text_of_record(record, limits)
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
    as_caption = clean_media_text(MediaText(story=raw), limits)
    if len(as_caption.story) > limits.max_caption_characters:
        return as_caption
    return MediaText(caption=as_caption.story)


def _is_takeout(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("photoTakenTime"), dict)


def _from_takeout(record: Mapping[str, Any], picture: Path) -> dict[str, Any]:
    title = record.get("title")
    # Takeout's title is the name that the file had, which says nothing about the picture.
    is_file_name = isinstance(title, str) and Path(title).suffix.lower() == picture.suffix.lower()
    return {
        "title": None if is_file_name else title,
        "description": record.get("description"),
        "location": _place(record.get("geoData")),
        "taken_at": _moment(record["photoTakenTime"]),
    }


def _place(geo: Any) -> str | None:
    if not isinstance(geo, dict):
        return None
    latitude, longitude = geo.get("latitude"), geo.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float) or not (latitude or longitude):
        return None
    return f"{latitude:.6f}, {longitude:.6f}"


def _moment(taken: Mapping[str, Any]) -> str | None:
    try:
        return datetime.fromtimestamp(float(taken["timestamp"]), UTC).isoformat()
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
