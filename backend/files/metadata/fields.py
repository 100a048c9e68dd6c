"""Which fields of metadata are read into keywords, people, moments and places, in order of precedence.

Those of title, caption and other text are in `WORDS` of `backend.files.text`. `docs/reference/metadata.md` shows both.

A field is named by its container and its name there: 'exif:DateTimeOriginal', 'iptc:Keywords', 'xmp:dc:title'. Readers of
containers collect `Fields` by these names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backend.files.metadata.json_values import JSON
from backend.moments import DateCandidate, Standing

KEYWORDS: Final = (
    "xmp:dc:subject", "iptc:Keywords", "exif:XPKeywords", "xmp:lr:hierarchicalSubject", "xmp:digiKam:TagsList",
    "xmp:MicrosoftPhoto:LastKeywordXMP", "xmp:MicrosoftPhoto:LastKeywordIPTC", "xmp:mediapro:CatalogSets",
    "xmp:mwg-kw:Keywords", "xmp:acdsee:keywords", "png:Keywords",
)  # fmt: skip
"""All of them are keywords: an item of a list is one, and so is each part of a path in a hierarchy."""

PEOPLE: Final = (
    "xmp:mwg-rs:Regions", "xmp:MP:RegionInfo", "xmp:Iptc4xmpExt:PersonInImage", "xmp:Iptc4xmpExt:PersonInImageWDetails"
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
}
"""The keywords that are paths, and the sign between their parts."""


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
