"""Which fields of metadata are read into keywords, people, moments and places, in order of precedence.

Those of title, caption and other text are in `WORDS` of `backend.files.text`. `docs/reference/metadata.md` shows both.

A field is named by its container and its name there: 'exif:DateTimeOriginal', 'iptc:Keywords', 'xmp:dc:title'. Readers of
containers collect `Fields` by these names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backend.files.metadata.json_values import JSON
from backend.moments import DateCandidate, Standing

KEYWORDS: Final = (
    "xmp:dc:subject", "iptc:Keywords", "exif:XPKeywords", "xmp:lr:hierarchicalSubject", "xmp:digiKam:TagsList",
    "xmp:MicrosoftPhoto:LastKeywordXMP", "xmp:MicrosoftPhoto:LastKeywordIPTC", "xmp:mediapro:CatalogSets",
    "xmp:mwg-kw:Keywords", "xmp:acdsee:keywords", "xmp:acdsee:categories",
    "xmp:photoshop:SupplementalCategories", "xmp:pdf:Keywords", "png:Keywords",
)  # fmt: skip
"""All of them are keywords: an item of a list is one, and so is each part of a path in a hierarchy."""

PEOPLE: Final = (
    "xmp:mwg-rs:Regions", "xmp:MP:RegionInfo", "xmp:Iptc4xmpExt:PersonInImage", "xmp:Iptc4xmpExt:PersonInImageWDetails",
    "xmp:acdsee-rs:Regions",
)  # fmt: skip
"""All of them are keywords too, unless the setting leaves people out."""

DATES: Final[Mapping[str, Standing]] = {
    "exif:DateTimeOriginal": Standing.ORIGINAL,
    "xmp:exif:DateTimeOriginal": Standing.ORIGINAL,
    "xmp:photoshop:DateCreated": Standing.ORIGINAL,
    "iptc:DateCreated": Standing.ORIGINAL,
    "png:Creation Time": Standing.ORIGINAL,
    "exif:DateTimeDigitized": Standing.DIGITIZED,
    "xmp:exif:DateTimeDigitized": Standing.DIGITIZED,
    "xmp:xmp:CreateDate": Standing.DIGITIZED,
    "iptc:DigitalCreationDate": Standing.DIGITIZED,
    "exif:GPSDateStamp": Standing.SATELLITE,
    "xmp:exif:GPSTimeStamp": Standing.SATELLITE,
    "exif:DateTime": Standing.MODIFIED,
    "xmp:tiff:DateTime": Standing.MODIFIED,
    "xmp:xmp:ModifyDate": Standing.MODIFIED,
}
"""All are candidates; `backend.rules.dates` chooses. Among equals the first is the source."""

PLACE: Final = ("exif:GPSLatitude", "xmp:exif:GPSLatitude", "xmp:drone-dji:GpsLatitude")
"""The first with a latitude and a longitude."""

HIERARCHIES: Final[Mapping[str, str]] = {
    "xmp:lr:hierarchicalSubject": "|",
    "xmp:digiKam:TagsList": "/",
    "xmp:MicrosoftPhoto:LastKeywordXMP": "/",
    "xmp:MicrosoftPhoto:LastKeywordIPTC": "/",
    "xmp:mediapro:CatalogSets": "|",
    "xmp:mwg-kw:Keywords": "|",
    "xmp:acdsee:categories": "|",
}
"""The keywords that are paths, and the sign between their parts."""

GROUP_ROOT: Final = "mediacluster"
"""The first part of the path of a group, in the sidecars that `xmp_packets` writes. None of its parts is a keyword."""

# Part of a path may hold the sign between parts. These look like it, and are read as it again.
_STAND_INS: Final[Mapping[str, str]] = {"|": "\u2223", "/": "\u2215"}


def split_path(path: str, sign: str) -> list[str]:
    """The parts of a path as `join_path` joined them."""
    return [part.replace(_STAND_INS[sign], sign) for part in path.split(sign)]


def without_stand_ins(words: str) -> str:
    """The words with the signs themselves instead of those that `join_path` puts for them."""
    for sign, stand_in in _STAND_INS.items():
        words = words.replace(stand_in, sign)
    return words


def join_path(parts: Iterable[str], sign: str) -> str | None:
    """Join the parts of a path, with a sign that looks like `sign` for each one within a part. None if a part has that
    sign already, since it would be read as the other."""
    parts = list(parts)
    stand_in = _STAND_INS[sign]
    if any(stand_in in part for part in parts):
        return None
    return sign.join(part.replace(sign, stand_in) for part in parts)


@dataclass(slots=True)
class Fields:
    """What containers say, by the names of their fields.

    Attributes:
        words: texts, in the order of the container; lists have more than one.
        dates: moments by field; the key is that of `DATES`.
        places: coordinates by field, under the names of `exif`.
        warnings: what could not be read, in sentences.
    """

    words: dict[str, list[str]] = field(default_factory=dict)
    dates: dict[str, DateCandidate] = field(default_factory=dict)
    places: dict[str, dict[str, JSON]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add_words(self, name: str, words: Any) -> None:
        """Add texts, if there are any."""
        said = [one for one in words if one.strip()]
        if said:
            self.words.setdefault(name, []).extend(said)

    def add_date(self, candidate: DateCandidate | None) -> None:
        """Add a moment under its source, if it is one."""
        if candidate is not None:
            self.dates.setdefault(candidate.source, candidate)

    def include(self, other: "Fields") -> None:
        """Add what another container says."""
        for name, words in other.words.items():
            self.words.setdefault(name, []).extend(words)
        self.dates = {**other.dates, **self.dates}
        self.places = {**other.places, **self.places}
        self.warnings += other.warnings
