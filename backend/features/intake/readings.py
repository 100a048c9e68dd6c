"""The words that a file gives to its picture, apart from those that a person gives with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from backend.features.intake.moments import settle_date
from backend.files.folders import Sidecar
from backend.files.limits import Limits
from backend.files.metadata import JSON, PLACE_NAMES, EmbeddedMetadata, hide_coordinates, with_place
from backend.files.text import WORDS, MediaText, clean_media_text, file_name_in
from backend.moments import DateCandidate
from backend.store.media import digest_fields


@dataclass(frozen=True)
class Given:
    """What a person gives with a file, in an upload or a manifest.

    Attributes:
        text: words.
        place: coordinates, under the names that they have in `exif`.
        dates: moments that programs wrote into a manifest.
    """

    text: MediaText = field(default_factory=MediaText)
    place: Mapping[str, JSON] = field(default_factory=dict)
    dates: Sequence[DateCandidate] = ()

    @property
    def fields(self) -> set[str]:
        """The fields that are given."""
        named = {name for name in (*WORDS, "keywords", "taken_at") if getattr(self.text, name)}
        return named | ({"taken_at"} if self.dates else set()) | ({"place"} if self.place else set())


@dataclass(frozen=True)
class Words:
    """The text of a picture, with a settled moment, and its coordinates under their names in `exif`."""

    text: MediaText
    place: Mapping[str, JSON]

    def digests(self) -> dict[str, str]:
        return digest_fields(self.text, self.place)


def read_words(
    limits: Limits, name: str | None, embedded: EmbeddedMetadata, sidecar: Sidecar, given: Given | None = None
) -> Words:
    """What the picture `name` says of itself, what its sidecars say, and what a person gives; the last wins.

    Raises:
        InvalidText: what is given exceeds a limit.
    """
    given = given or Given()
    beside, inside = without_file_name(sidecar.text, name), without_file_name(embedded.text, name)
    outside = clean_media_text(given.text.or_else(beside), limits)
    text = complete(outside, inside, limits, joins=joins_keywords(sidecar, given.text))
    text, place = hide_coordinates(text, given.place or sidecar.place)
    settled = settle_date(text, [*given.dates, *sidecar.dates, *embedded.dates], name, limits)
    return Words(settled, with_place(place_in(embedded.exif), place))


def joins_keywords(sidecar: Sidecar, given: MediaText) -> bool:
    """Whether the keywords beside a picture join those inside: they are names of people, and nobody gives others."""
    return sidecar.names_only and not given.keywords


def complete(text: MediaText, inside: MediaText, limits: Limits, *, joins: bool) -> MediaText:
    """Fill empty fields from what the picture says `inside`. `joins`: the keywords join those inside instead of replacing them."""
    completed = text.or_else(inside)
    return completed.joining(inside, limits.max_keywords) if joins else completed


def without_file_name(text: MediaText, name: str | None) -> MediaText:
    """The text without a title that is the name of the picture's file, in any case. Programs write it, and it describes nothing.

    `name` is the file's name, path or address; without a suffix it may be a title.
    """
    own = file_name_in(name or "")
    is_name = bool(PurePosixPath(own).suffix) and text.title.casefold() == own.casefold()
    return replace(text, title="") if is_name else text


def place_in(exif: Mapping[str, JSON]) -> dict[str, JSON]:
    """The coordinates in the `exif` of a picture."""
    return {name: exif[name] for name in PLACE_NAMES if exif.get(name) is not None}
