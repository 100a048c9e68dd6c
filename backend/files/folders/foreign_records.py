"""Records that other programs write about a picture: Google Takeout, immich-go and exiftool, in the words of our own."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final

from backend.errors import InvalidText
from backend.files.folders.pairing import MOVIE_SUFFIXES, RAW_SUFFIXES
from backend.files.formats import FORMATS
from backend.files.limits import Limits
from backend.files.metadata import (
    DATES,
    FACES,
    JSON,
    LOCATION_PARTS,
    Keyword,
    assigned_categories,
    place_of,
    without_people,
    written_keywords,
)
from backend.files.text import (
    MOMENT_NAMES,
    RECORD_NAMES,
    WORDS,
    MediaText,
    fit_media_text,
    is_boilerplate,
    read_date,
    read_epoch,
    read_latitude,
    read_longitude,
    read_number,
    split_keywords,
    text_of_record,
)
from backend.moments import GIVEN_SOURCE, GUESS_SOURCE, DateCandidate, Standing

_FILE_SUFFIXES: Final = (
    frozenset(f".{suffix}" for one in FORMATS for suffix in one.suffixes) | {".bmp"} | MOVIE_SUFFIXES | RAW_SUFFIXES
)
_LEVELS: Final = re.compile(r"[|/]")

_TAKEOUT_MOMENTS: Final = ("photoTakenTime", "creationTime", "photoLastModifiedTime")

# Names of exiftool as compared: without their group, in lower case. Of several the first that is set counts.
_TITLES: Final = ("title", "objectname", "headline", "xptitle")
_CAPTIONS: Final = (
    "description", "caption-abstract", "imagedescription", "caption", "xpcomment", "usercomment", "xpsubject",
    "alttextaccessibility", "extdescraccessibility",
)  # fmt: skip
_KEYWORDS: Final = ("subject", "keywords", "weightedflatsubject", "supplementalcategories")
_CATEGORIES: Final = "categories"  # of ACDSee, XML within a text
_PEOPLE: Final = ("personinimage", "personinimagename", "regionname", "regionpersondisplayname", "acdseeregionname")
# With -struct: structures with the names of people, and what the name is called in them.
_PEOPLE_STRUCTURES: Final = (
    ("regioninfo", "name"),
    ("regioninfomp", "persondisplayname"),
    ("personinimagewdetails", "personname"),
)
_TREES: Final = ("hierarchicalsubject", "tagslist", "lastkeywordxmp", "catalogsets")
_PLACES: Final = (
    ("location", "sub-location"),
    ("city",),
    ("state", "province-state"),
    ("country", "country-primarylocationname"),
)
# Where they are empty: flat tags, and with -struct structures of the same name.
_LOCATIONS: Final = ("locationshown", "locationcreated")
# What exiftool calls south and west (`-lang`): the language of English, German, Spanish, ... as of version 12.
_SOUTH_AND_WEST: Final = frozenset(
    word.casefold()
    for word in (
        "S", "South", "Jižní šířka", "Südliche Breite", "Latitud sur", "Eteläistä leveyttä", "Sud", "Latitudine Sud", "南緯",
        "남위", "Zuiderbreedte", "Szerokości południowej", "Южная широта", "Južná šírka", "Sydlig bredd", "Güney enlemi", "南纬",
        "W", "West", "Západní délka", "Westliche Länge", "Longitud Oeste", "Läntistä pituutta", "Ouest", "Longitudine Ovest",
        "西経", "서경", "Westerlengte", "Długości zachodniej", "Западная долгота", "Západná dĺžka", "Västlig längd", "Batı boylamı",
        "西经", "西經",
    )
)  # fmt: skip
# Parts of what it calls below sea level.
_BELOW: Final = re.compile(
    r"\A1\Z|below|negati|záporná|unter normal|dessous|sotto il|onder zee|ujemna|ниже|pod hlad|負の?値|负值|음수",
    re.IGNORECASE,
)
# With the tags that have the zone and the part of a second.
_MOMENTS: Final = (
    ("subsecdatetimeoriginal", Standing.ORIGINAL, "", ""),
    ("datetimeoriginal", Standing.ORIGINAL, "offsettimeoriginal", "subsectimeoriginal"),
    ("datetimecreated", Standing.ORIGINAL, "", ""),
    ("datecreated", Standing.ORIGINAL, "", ""),
    ("creationtime", Standing.ORIGINAL, "", ""),
    ("subseccreatedate", Standing.DIGITIZED, "", ""),
    ("createdate", Standing.DIGITIZED, "offsettimedigitized", "subsectimedigitized"),
    ("datetimedigitized", Standing.DIGITIZED, "offsettimedigitized", "subsectimedigitized"),
    ("gpsdatetime", Standing.SATELLITE, "", ""),
    ("subsecmodifydate", Standing.MODIFIED, "", ""),
    ("modifydate", Standing.MODIFIED, "offsettime", "subsectime"),
)
_EXIFTOOL: Final = "exiftool:"
_STANDINGS: Final[Mapping[str, Standing]] = {
    **DATES,
    **{_EXIFTOOL + name: standing for name, standing, *_ in _MOMENTS},
    GIVEN_SOURCE: Standing.GIVEN,
    GUESS_SOURCE: Standing.GUESSED,
}
_SOURCE_FILE: Final = "sourcefile"
_ABOUT_TAGS: Final = frozenset({"val", "num", "desc", "id", "table", "index"})
# Where all values but the file's name are objects, each is a group, whatever its name: families 0 to 7 have hundreds. Among
# plain values most objects are structures (`-struct`), whose parts are no tags of the picture.
_GROUPS: Final = re.compile(r"(?:exif|iptc|xmp|composite|file|photoshop|quicktime|makernotes)(?:[-\w]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """A record in our own names.

    Attributes:
        words: the text fields, as `text_of_record` reads them.
        keywords: the keywords among `words` as the program has them, with their paths.
        people: the names of the people in the picture.
        dates: the moments that the program gives; one that a person gave is among `words`.
        place: the coordinates under the same names as in `exif`; empty if there are none.
        albums: the albums that the picture is in.
        file_name: the name of the file that the record says it belongs to.
        is_trashed: whether the picture is in the bin of its library.
    """

    words: Mapping[str, Any]
    keywords: tuple[Keyword, ...] = ()
    people: tuple[str, ...] = ()
    dates: tuple[DateCandidate, ...] = ()
    place: dict[str, JSON] = field(default_factory=dict)
    albums: tuple[str, ...] = ()
    file_name: str | None = None
    is_trashed: bool = False

    @property
    def names_only(self) -> bool:
        """Whether it has no keywords but the names of people."""
        return not (self.words.get("keywords") or self.words.get("tags"))


def read_foreign(record: Mapping[str, Any]) -> ForeignRecord:
    """Return what a record says, whichever program wrote it. One of no known program has our own names already."""
    if any(_is_moment_of_takeout(record.get(name)) for name in _TAKEOUT_MOMENTS):
        return _from_takeout(record)
    if "dateTaken" in record and isinstance(record.get("fileName"), str):
        return _from_immich_go(record)
    if is_of_exiftool(record):
        return read_exiftool(record)
    if _is_of_takeout_album(record):
        return ForeignRecord({})
    return ForeignRecord(record)


def _is_of_takeout_album(record: Mapping[str, Any]) -> bool:
    """Whether Takeout describes a folder with it, in `metadata.json`, also beside a picture named `metadata.jpg`: its title is
    that of an album, and it has a day but not the moment of a picture."""
    return isinstance(record.get("albumData"), dict) or _is_moment_of_takeout(record.get("date"))


def standing_of(source: str) -> Standing:
    """What a moment from this source says of its picture: a field of metadata, one of a record, a person or a name."""
    return _STANDINGS.get(source, Standing.ORIGINAL)


def is_of_exiftool(record: Mapping[str, Any]) -> bool:
    """Whether exiftool wrote a record: it names its file `SourceFile`, and may put groups before or around names."""
    return any(name.casefold() == _SOURCE_FILE for name in record)


def read_exiftool(record: Mapping[str, Any], *, is_joined: bool = False) -> ForeignRecord:
    """Return what a record of exiftool says: from JSON, with groups of any family (`-G1`, `-g2`), with descriptions
    (`-l`) or without, or from a line of CSV, where the items of lists are joined."""
    tags = _tags_of(record)

    def first(names: Iterable[str]) -> Any:
        found = (value for name in names for value in tags.get(name, ()))
        return next((value for value in found if value not in (None, "", [], {}, "-")), None)

    def written(names: Iterable[str]) -> Any:
        return next((found for name in names if (found := _written(first((name,))))), None)

    latitude = _signed(read_latitude(first(("gpslatitude",))), first(("gpslatituderef",)))
    longitude = _signed(read_longitude(first(("gpslongitude",))), first(("gpslongituderef",)))
    position = first(("gpsposition", "gpscoordinates"))
    if latitude is None and isinstance(position, str) and "," in position:
        parts = position.split(",")
        latitude, longitude = read_latitude(parts[0]), read_longitude(parts[1])
    height = first(("gpsaltitude",))
    side = first(("gpsaltituderef",)) or (height if isinstance(height, str) else None)

    def items(names: Iterable[str]) -> list[str]:
        values = [item for name in names for value in tags.get(name, ()) for item in _listed(value)]
        return [word for value in values for word in split_keywords(value)] if is_joined else values

    def elsewhere(name: str) -> str:
        flat = {part: first((name + part.casefold(),)) for part in LOCATION_PARTS}
        return _located(flat) or _located(first((name,)))

    source = first((_SOURCE_FILE,))
    names = [_shown(first(group)) for group in _PLACES]
    location = ", ".join(dict.fromkeys(name for name in names if name)) or next(
        filter(None, map(elsewhere, _LOCATIONS)), ""
    )
    flat = (*items(_KEYWORDS), *split_keywords(_shown(first(("xpkeywords",)))))
    categories = assigned_categories(_shown(first((_CATEGORIES,))), "|")
    keywords = (*(Keyword((word,)) for word in flat), *_paths((*items(_TREES), *categories)))
    return ForeignRecord(
        words={
            "title": written(_TITLES),
            "caption": written(_CAPTIONS),
            "keywords": list(written_keywords(keywords)),
            "location": location,
        },
        keywords=keywords,
        people=(
            *items(_PEOPLE),
            *(name for tag, called in _PEOPLE_STRUCTURES for one in tags.get(tag, ()) for name in _named(one, called)),
        ),
        dates=tuple(
            found
            for name, standing, offset, subseconds in _MOMENTS
            if (
                found := read_date(
                    _shown(first((name,))),
                    standing,
                    _EXIFTOOL + name,
                    offset=_shown(first((offset,))),
                    subseconds=_shown(first((subseconds,))),
                )
            )
        ),
        place=place_of(latitude, longitude, _above_sea(read_number(height), side)),
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
        alone = {one: words.get(one) for one in (MOMENT_NAMES if name in MOMENT_NAMES else (name,))}
        try:
            found = text_of_record(alone, limits)
        except InvalidText as error:
            problems.append(error)
            found = _fitted(str(error.context.get("field", name)), value, limits, words)
        text = text.or_else(found)
    if record.people and limits.people_as_keywords:
        text = fit_media_text(replace(text, keywords=(*text.keywords, *record.people)), limits)
    elif not limits.people_as_keywords:
        named_nobody = without_people(text.keywords, record.keywords, record.people)
        text = replace(text, keywords=tuple(named_nobody))
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


def _from_takeout(record: Mapping[str, Any]) -> ForeignRecord:
    title = record.get("title")
    moment = record.get("photoTakenTime")
    taken = read_epoch(
        moment.get("timestamp") if isinstance(moment, dict) else None, Standing.ORIGINAL, "takeout:photoTakenTime"
    )
    # The title in Takeout is often the file name, which does not describe the picture.
    file_name = title if isinstance(title, str) and PurePosixPath(title).suffix.lower() in _FILE_SUFFIXES else None
    return ForeignRecord(
        words={
            "title": None if file_name else title,
            # Google Photos takes the description of a camera for one.
            "caption": _written(record.get("description")),
        },
        people=tuple(one["name"] for one in _dicts(record.get("people")) if isinstance(one.get("name"), str)),
        dates=() if taken is None else (taken,),
        place=_geo(record.get("geoData")) or _geo(record.get("geoDataExif")),
        file_name=file_name,
        is_trashed=record.get("trashed") is True,
    )


def _is_moment_of_takeout(value: Any) -> bool:
    return isinstance(value, dict) and (not value or "timestamp" in value)


def _from_immich_go(record: Mapping[str, Any]) -> ForeignRecord:
    taken = read_date(_shown(record["dateTaken"]), Standing.ORIGINAL, "immich-go:dateTaken")
    albums = (one.get("title") for one in _dicts(record.get("albums")))
    tags = (one.get("value") or one.get("name") for one in _dicts(record.get("tags")))
    keywords = _paths(tag for tag in tags if isinstance(tag, str))
    return ForeignRecord(
        words={
            "caption": _written(record.get("description")),
            "keywords": list(written_keywords(keywords)),
        },
        keywords=keywords,
        dates=() if taken is None else (taken,),
        place=place_of(record.get("latitude"), record.get("longitude")),
        albums=tuple(title for title in albums if isinstance(title, str) and title.strip()),
        file_name=record["fileName"],
    )


def _tags_of(record: Mapping[str, Any]) -> dict[str, list[Any]]:
    """All values by the name of their tag, also those of nested groups and of descriptions."""
    tags: dict[str, list[Any]] = {}
    is_grouped = all(isinstance(value, dict) or _tag(name) == _SOURCE_FILE for name, value in record.items())
    for name, value in record.items():
        if isinstance(value, dict) and not _is_described(value) and (is_grouped or _GROUPS.fullmatch(name)):
            for inner, one in value.items():
                tags.setdefault(_tag(inner), []).append(_undescribed(one))
        else:
            tags.setdefault(_tag(name), []).append(_undescribed(value))
    return tags


def _is_described(value: Any) -> bool:
    """Whether it is a value with what exiftool says about its tag (`-l`, `-t`, `-D`, `-H`)."""
    return isinstance(value, dict) and "val" in value and _ABOUT_TAGS.issuperset(value)


def _undescribed(value: Any) -> Any:
    return value["val"] if _is_described(value) else value


def _tag(name: str) -> str:
    return name.rpartition(":")[2].strip().casefold().replace(" ", "")


def _written(value: Any) -> Any:
    """A title or a caption, unless no person wrote it."""
    return None if isinstance(value, str) and is_boilerplate(value) else value


def _shown(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _listed(value: Any) -> list[str]:
    """The items of a list of exiftool, which writes a single one, and each line of CSV, without the list."""
    items = value if isinstance(value, list) else [value]
    return [shown for item in items if (shown := _shown(item)) and shown != "-"]


def _paths(trees: Iterable[str]) -> tuple[Keyword, ...]:
    """Keywords with levels: `Places|France|Paris`, `Places/France/Paris`."""
    levels = ([level.strip() for level in _LEVELS.split(tree) if level.strip()] for tree in trees)
    return tuple(Keyword(tuple(words), is_path=True) for words in levels if words)


def _named(value: Any, called: str) -> Iterator[str]:
    """Yield the names in a structure, at any depth, without those of regions that are not faces."""
    waiting = [value]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            fields = {_tag(name): inner for name, inner in one.items()}
            if _shown(fields.get("type")).casefold() in FACES:
                yield from _listed(fields.get(called))
            waiting += [inner for inner in one.values() if isinstance(inner, dict | list)]


def _last_part(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _geo(geo: Any) -> dict[str, JSON]:
    return place_of(geo.get("latitude"), geo.get("longitude"), geo.get("altitude")) if isinstance(geo, dict) else {}


def _signed(size: float | None, side: Any) -> float | None:
    """A coordinate with the sign that its tag of reference gives: `S`, `West`, `Westliche Länge`."""
    return -abs(size) if size is not None and _shown(side).casefold() in _SOUTH_AND_WEST else size


def _above_sea(height: float | None, side: Any) -> float | None:
    """An altitude with the sign that its tag of reference or its own words give: `Below Sea Level`, `1`."""
    return -abs(height) if height is not None and _BELOW.search(_shown(side)) else height


def _located(value: Any) -> str:
    """The place in a structure, or in the first of a list, narrowest part first."""
    one = next(iter(_dicts(value)), value)
    if not isinstance(one, dict):
        return ""
    fields = {_tag(name): _shown(inner) for name, inner in one.items()}
    return ", ".join(dict.fromkeys(part for name in LOCATION_PARTS if (part := fields.get(name.casefold(), ""))))
