"""Records that other programs write about a picture: Google Takeout, immich-go and exiftool, in the words of our own."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final

from backend.errors import InvalidText
from backend.files.folders.pairing import MOVIE_SUFFIXES, RAW_SUFFIXES
from backend.files.formats import FORMATS
from backend.files.limits import Limits
from backend.files.metadata import JSON, PLACE_NAMES
from backend.files.text import RECORD_NAMES, WORDS, MediaText, fit_media_text, split_keywords, text_of_record

_MAX_ALTITUDE_METERS: Final = 100_000.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FILE_SUFFIXES: Final = (
    frozenset(f".{suffix}" for one in FORMATS for suffix in one.suffixes)
    | {".bmp", ".tif", ".tiff"}
    | MOVIE_SUFFIXES
    | RAW_SUFFIXES
)
_DEGREES: Final = re.compile(r"\d+(?:\.\d+)?")
_LEVELS: Final = re.compile(r"[|/]")

# Names of exiftool as compared: without their group, in lower case. Of several the first that is set counts.
_TITLES: Final = ("title", "objectname", "headline", "xptitle")
_CAPTIONS: Final = ("description", "caption-abstract", "imagedescription", "xpcomment", "usercomment")
_KEYWORDS: Final = ("subject", "keywords", "weightedflatsubject")
_PEOPLE: Final = ("personinimage", "regionname")
_TREES: Final = ("hierarchicalsubject", "tagslist", "lastkeywordxmp", "catalogsets")
_PLACES: Final = (
    ("location", "sub-location"),
    ("city",),
    ("state", "province-state"),
    ("country", "country-primarylocationname"),
)
_MOMENTS: Final = (
    ("subsecdatetimeoriginal", ""),
    ("datetimeoriginal", "offsettimeoriginal"),
    ("subseccreatedate", ""),
    ("createdate", "offsettimedigitized"),
    ("datetimecreated", ""),
    ("datecreated", ""),
)
_ZONED: Final = re.compile(r".*(?:Z|[+-]\d\d:?\d\d)", re.DOTALL)
_GROUPS: Final = re.compile(r"(?:exif|iptc|xmp|composite|file|photoshop|quicktime|makernotes)(?:[-\w]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """A record in our own names.

    Attributes:
        words: the text fields, as `text_of_record` reads them.
        people: the names of the people in the picture.
        date_source: the field that the date is from; '' if a person gave it.
        place: the coordinates under the same names as in `exif`; empty if there are none.
        albums: the albums that the picture is in.
        file_name: the name of the file that the record says it belongs to.
    """

    words: Mapping[str, Any]
    people: tuple[str, ...] = ()
    date_source: str = ""
    place: dict[str, JSON] = field(default_factory=dict)
    albums: tuple[str, ...] = ()
    file_name: str | None = None


def read_foreign(record: Mapping[str, Any]) -> ForeignRecord:
    """Return what a record says, whichever program wrote it. One of no known program has our own names already."""
    if isinstance(record.get("photoTakenTime"), dict):
        return _from_takeout(record)
    if "dateTaken" in record and isinstance(record.get("fileName"), str):
        return _from_immich_go(record)
    if is_of_exiftool(record):
        return read_exiftool(record)
    return ForeignRecord(record)


def is_of_exiftool(record: Mapping[str, Any]) -> bool:
    """Whether exiftool wrote a record: it names its file `SourceFile`, and may put groups before or around names."""
    return any(name.casefold() == "sourcefile" for name in record)


def read_exiftool(record: Mapping[str, Any], *, is_joined: bool = False) -> ForeignRecord:
    """Return what a record of exiftool says: from JSON, with groups (`-G`, `-g`) or without, or from a line of CSV, where the
    items of lists are joined."""
    tags = _tags_of(record)

    def first(names: Iterable[str]) -> Any:
        found = (value for name in names for value in tags.get(name, ()))
        return next((value for value in found if value not in (None, "", [], {}, "-")), None)

    latitude = parse_degrees(first(("gpslatitude",)), first(("gpslatituderef",)))
    longitude = parse_degrees(first(("gpslongitude",)), first(("gpslongituderef",)))
    position = first(("gpsposition", "gpscoordinates"))
    if latitude is None and isinstance(position, str) and position.count(",") >= 1:
        latitude, longitude = (parse_degrees(part, None) for part in position.split(",")[:2])

    def items(names: Iterable[str]) -> list[str]:
        values = [item for name in names for value in tags.get(name, ()) for item in _listed(value)]
        return [word for value in values for word in split_keywords(value)] if is_joined else values

    source = first(("sourcefile",))
    moments = ((one[0], _moment_of(first, *one)) for one in _MOMENTS)
    date_source, moment = next((found for found in moments if found[1]), ("", None))
    names = [_shown(first(group)) for group in _PLACES]
    return ForeignRecord(
        words={
            "title": first(_TITLES),
            "caption": first(_CAPTIONS),
            "keywords": [
                *items(_KEYWORDS),
                *split_keywords(_shown(first(("xpkeywords",)))),
                *(word for tree in items(_TREES) for word in _level(tree)),
            ],
            "location": ", ".join(dict.fromkeys(name for name in names if name)),
            "taken_at": moment,
        },
        people=tuple(items(_PEOPLE)),
        date_source=date_source and f"exiftool:{date_source}",
        place=place_of(latitude, longitude, parse_degrees(first(("gpsaltitude",)), first(("gpsaltituderef",)))),
        file_name=_last_part(source) if isinstance(source, str) else None,
    )


def read_leniently(record: ForeignRecord, limits: Limits) -> tuple[MediaText, list[InvalidText]]:
    """Read a record field by field: one that is not text is left out, one that is too long is cut. Returns what is wrong too."""
    words = record.words
    text = MediaText()
    problems = []
    for name in RECORD_NAMES:
        value = words.get(name)
        if value is None:
            continue
        try:
            found = text_of_record({name: value}, limits)
        except InvalidText as error:
            problems.append(error)
            found = _fitted(str(error.context.get("field", name)), value, limits, words)
        text = text.or_else(found)
    if record.people and limits.people_as_keywords:
        text = fit_media_text(replace(text, keywords=(*text.keywords, *record.people)), limits)
    if record.date_source and text.taken_at is not None:
        text = replace(text, taken_at_source=record.date_source)
    return text, problems


def _fitted(field_name: str, value: Any, limits: Limits, words: Mapping[str, Any]) -> MediaText:
    if field_name in {"keywords", "keyword"} and isinstance(value, str | list):
        keywords = split_keywords(value) if isinstance(value, str) else [one for one in value if isinstance(one, str)]
        return fit_media_text(MediaText(keywords=tuple(keywords)), limits)
    if field_name == "taken_at" or not isinstance(value, str):
        return MediaText()
    rule = WORDS[field_name]
    if rule.overflow and not words.get(rule.overflow) and len(value) > rule.most_characters(limits):
        field_name = rule.overflow
    fitted: dict[str, Any] = {field_name: value}
    return fit_media_text(MediaText(**fitted), limits)


def place_of(latitude: Any, longitude: Any, altitude: Any = None) -> dict[str, JSON]:
    """Coordinates as in `exif`; empty if they are not on Earth, or zeros, which programs write for unknown places."""
    north, east = _number(latitude, 90.0), _number(longitude, 180.0)
    if north is None or east is None or north == east == 0.0:
        return {}
    found = zip(PLACE_NAMES, (north, east, _number(altitude, _MAX_ALTITUDE_METERS) or None), strict=True)
    return {name: value for name, value in found if value is not None}


def _from_takeout(record: Mapping[str, Any]) -> ForeignRecord:
    title = record.get("title")
    # The title in Takeout is often the file name, which does not describe the picture.
    file_name = title if isinstance(title, str) and PurePosixPath(title).suffix.lower() in _FILE_SUFFIXES else None
    return ForeignRecord(
        words={
            "title": None if file_name else title,
            "caption": record.get("description"),
            "taken_at": _takeout_moment(record["photoTakenTime"]),
        },
        people=tuple(one["name"] for one in _dicts(record.get("people")) if isinstance(one.get("name"), str)),
        date_source="takeout:photoTakenTime",
        place=_geo(record.get("geoData")) or _geo(record.get("geoDataExif")),
        file_name=file_name,
    )


def _from_immich_go(record: Mapping[str, Any]) -> ForeignRecord:
    albums = (one.get("title") for one in _dicts(record.get("albums")))
    tags = (one.get("value") or one.get("name") for one in _dicts(record.get("tags")))
    return ForeignRecord(
        words={
            "caption": record.get("description"),
            "keywords": [word for tag in tags if isinstance(tag, str) for word in _level(tag)],
            "taken_at": record.get("dateTaken"),
        },
        date_source="immich-go:dateTaken",
        place=place_of(record.get("latitude"), record.get("longitude")),
        albums=tuple(title for title in albums if isinstance(title, str) and title.strip()),
        file_name=record["fileName"],
    )


def _tags_of(record: Mapping[str, Any]) -> dict[str, list[Any]]:
    """All values by the name of their tag, also those of nested groups."""
    tags: dict[str, list[Any]] = {}
    for name, value in record.items():
        if isinstance(value, dict) and _GROUPS.fullmatch(name):
            for inner, one in value.items():
                tags.setdefault(_tag(inner), []).append(one)
        else:
            tags.setdefault(_tag(name), []).append(value)
    return tags


def _tag(name: str) -> str:
    return name.rpartition(":")[2].strip().casefold().replace(" ", "")


def _moment_of(first: Any, name: str, offset: str) -> str | None:
    moment = _shown(first((name,)))
    zone = _shown(first((offset,))) if offset and moment and not _ZONED.fullmatch(moment[10:]) else ""
    return f"{moment}{zone}" or None


def _shown(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _listed(value: Any) -> list[str]:
    """The items of a list of exiftool, which writes a single one, and each line of CSV, without the list."""
    items = value if isinstance(value, list) else [value]
    return [shown for item in items if (shown := _shown(item)) and shown != "-"]


def _level(tree: str) -> list[str]:
    """The words of a keyword with levels: `Places|France|Paris`, `Places/France/Paris`."""
    return [level.strip() for level in _LEVELS.split(tree) if level.strip()]


def _last_part(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _geo(geo: Any) -> dict[str, JSON]:
    return place_of(geo.get("latitude"), geo.get("longitude"), geo.get("altitude")) if isinstance(geo, dict) else {}


def parse_degrees(value: Any, reference: Any) -> float | None:
    """A coordinate as a number (`-n`), or like `13 deg 24' 36.00" S`; an altitude like `35 m Below Sea Level`."""
    shown = _shown(value)
    try:
        size = abs(float(shown))
    except ValueError:
        numbers = [float(one) for one in _DEGREES.findall(shown)[:3]]
        if not numbers:
            return None
        size = sum((number / 60.0**place for place, number in enumerate(numbers)), 0.0)
    side = _shown(reference).upper() or shown.upper()
    is_negative = (
        shown.startswith("-") or side.startswith(("S", "W", "BELOW")) or bool(re.search(r"[\d\"'] ?[SW]$|BELOW", side))
    )
    return -size if is_negative else size


def _number(value: Any, bound: float) -> float | None:
    """The number, or None if it is out of bounds. NaN and infinity, which Python's JSON accepts, are out of bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -bound <= value <= bound:
        return None
    return round(float(value), 7)


def _takeout_moment(taken: Mapping[str, Any]) -> str | None:
    try:
        seconds = float(taken["timestamp"])
        # Zero is what is written where nothing is known.
        return (_EPOCH + timedelta(seconds=seconds)).isoformat() if seconds else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
