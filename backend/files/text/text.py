"""The text of a picture: its fields, and how they are cleaned, limited, merged and joined for the text encoder."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final, Self

from backend.errors import InvalidText
from backend.files.limits import Limits
from backend.files.text.boilerplate import is_boilerplate
from backend.files.text.coordinates import read_position
from backend.files.text.dates import parse_date
from backend.files.text.keywords import distinct
from backend.files.text.markup import strip_markup
from backend.moments import GIVEN_SOURCE, Precision, in_zone, zone_of

_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。")
# Raw text may have this many times the limit, since it may contain markup. The bound limits the work of cleaning.
_RAW_ALLOWANCE: Final = 4
_RAW_EXTRA_CHARACTERS: Final = 1_000
# Text found inside a file is cut to this length before cleaning.
_MAX_FOUND_CHARACTERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class MediaText:
    """The text of one picture. Empty fields are '' (keywords: ()).

    Attributes:
        title: its title.
        caption: its caption.
        keywords: its keywords.
        location: name of the place.
        story: longer text.
        taken_at: when it was taken. It always has a time zone if a person gave it, and once it is settled.
        taken_at_precision: the smallest unit that is known of it, a label of `Precision`; '' if `taken_at` is None. It
            and the source say how the moment is known, so they are not compared.
        taken_at_source: the field that it was read from, such as 'exif:DateTimeOriginal'; 'given' if a person gave it.
    """

    title: str = ""
    caption: str = ""
    keywords: tuple[str, ...] = ()
    location: str = ""
    story: str = ""
    taken_at: datetime | None = None
    taken_at_precision: str = field(default="", compare=False)
    taken_at_source: str = field(default="", compare=False)

    def or_else(self, other: Self) -> Self:
        """Fill empty fields from `other`."""
        filled = {f.name: getattr(self, f.name) or getattr(other, f.name) for f in fields(self)}
        if self.taken_at is not None:  # what is known of the moment is of no use for another one
            filled |= {"taken_at_precision": self.taken_at_precision, "taken_at_source": self.taken_at_source}
        return type(self)(**filled)

    def joining(self, other: Self, most: int | None = None) -> Self:
        """The text with the keywords of both, those of `other` first; at most so many."""
        return replace(self, keywords=distinct((*other.keywords, *self.keywords), most))

    def given_date(self, value: object, *, is_date: bool = False) -> Self:
        """The text with a moment that a person gives; unchanged for '' and None. Raises as `parse_date`."""
        found = parse_date(value, is_date=is_date)
        return self if found is None else self.with_date(*found, GIVEN_SOURCE)

    def with_date(self, taken_at: datetime, precision: Precision, source: str) -> Self:
        """The text with a moment."""
        return replace(self, taken_at=taken_at, taken_at_precision=precision.label, taken_at_source=source)

    def without_date(self) -> Self:
        """The text without a moment."""
        return replace(self, taken_at=None, taken_at_precision="", taken_at_source="")

    @property
    def is_empty(self) -> bool:
        """Whether all fields are empty."""
        return not any(getattr(self, field.name) for field in fields(self))

    @classmethod
    def of(cls, row: Any) -> Self:
        """The text of an object with attributes of these names, such as a row of the table."""
        found = {field.name: getattr(row, field.name) for field in fields(cls)}
        return cls(**found | {"keywords": tuple(found["keywords"])})


@dataclass(frozen=True, slots=True)
class Words:
    """The rules of a text field. Keywords and the time have separate rules."""

    limit: str
    """The field of `Limits` with its maximum number of characters."""
    also_called: tuple[str, ...] = ()
    """Other names of the field in sidecars and manifests."""
    found_in: tuple[str | tuple[str, ...], ...] = ()
    """The fields of metadata that it is read from, such as 'xmp:dc:title'. The first with text counts; those of a tuple
    are its parts, narrowest first, and are joined."""
    has_lines: bool = False
    """Whether line ends and paragraphs are kept."""
    overflow: str = ""
    """The field that takes the text of a sidecar if it is too long for this one, so that nothing is cut off."""

    def most_characters(self, limits: Limits) -> int:
        most = getattr(limits, self.limit)
        assert isinstance(most, int)
        return most

    @property
    def sources(self) -> tuple[str, ...]:
        """The fields of metadata that it is read from, without their grouping."""
        return tuple(name for parts in self._found_in for name in parts)

    def choose(self, found: Mapping[str, Iterable[str]]) -> str:
        """Return the field from the texts of metadata, by their names. What no person wrote counts as empty."""
        for parts in self._found_in:
            written = (
                next((text.strip() for text in found.get(one, ()) if not is_boilerplate(text)), "") for one in parts
            )
            if texts := dict.fromkeys(filter(None, written)):
                return ", ".join(texts)
        return ""

    @property
    def _found_in(self) -> Iterator[tuple[str, ...]]:
        return ((one,) if isinstance(one, str) else one for one in self.found_in)


WORDS: Final[Mapping[str, Words]] = {
    "title": Words(
        "max_title_characters",
        found_in=(
            "xmp:dc:title", "xmp:photoshop:Headline", "iptc:ObjectName", "iptc:Headline", "exif:XPTitle", "png:Title",
        ),
    ),
    "caption": Words(
        "max_caption_characters",
        also_called=("description",),
        has_lines=True,
        overflow="story",
        found_in=(
            "xmp:dc:description", "iptc:Caption-Abstract", "exif:ImageDescription", "xmp:tiff:ImageDescription",
            "xmp:acdsee:caption", "exif:XPComment", "xmp:exif:UserComment", "exif:UserComment", "exif:XPSubject",
            "xmp:Iptc4xmpCore:AltTextAccessibility", "xmp:Iptc4xmpCore:ExtDescrAccessibility", "png:Description",
            "png:Comment", "jpeg:Comment", "gif:Comment",
        ),
    ),
    "location": Words(
        "max_location_characters",
        found_in=(
            ("xmp:Iptc4xmpCore:Location", "xmp:photoshop:City", "xmp:photoshop:State", "xmp:photoshop:Country"),
            "xmp:Iptc4xmpExt:LocationShown",
            "xmp:Iptc4xmpExt:LocationCreated",
            ("iptc:Sub-location", "iptc:City", "iptc:Province-State", "iptc:Country-PrimaryLocationName"),
        ),
    ),
    "story": Words("max_story_characters", has_lines=True),
}  # fmt: skip
"""The text fields by name. Cleaning, cutting, statements, exports, and reading of records and metadata use this table."""

_KEYWORD: Final = Words("max_keyword_characters")
# In the order in which the text encoder reads them.
_EMBEDDED: Final = ("title", "location", "caption", "keywords", "story")


@dataclass(frozen=True)
class TextChanges:
    """Changes to a picture's text. None keeps the current value.

    Attributes:
        title: the new title.
        caption: the new caption.
        keywords: the new keywords.
        location: the new location.
        story: the new story.
        taken_at: the new time.
        taken_at_precision: how precise it is, a label of `Precision`; '' for a second.
        clear_taken_at: whether to remove the time.
    """

    title: str | None = None
    caption: str | None = None
    keywords: tuple[str, ...] | None = None
    location: str | None = None
    story: str | None = None
    taken_at: datetime | None = None
    taken_at_precision: str = ""
    clear_taken_at: bool = False

    @classmethod
    def to(cls, text: MediaText, names: Container[str]) -> Self:
        """Change the fields with these names to those of `text`, but keep the time if it has none."""
        changed = {name: getattr(text, name) for name in (*WORDS, "keywords", "taken_at") if name in names}
        return cls(**changed, taken_at_precision=text.taken_at_precision)

    def apply_to(self, text: MediaText) -> MediaText:
        """Return the text with the changes applied."""
        names = (*WORDS, "keywords")
        changed = replace(text, **{name: value for name in names if (value := getattr(self, name)) is not None})
        if self.clear_taken_at:
            return changed.without_date()
        if self.taken_at is None:
            return changed
        return changed.with_date(self.taken_at, Precision.of(self.taken_at_precision), GIVEN_SOURCE)


def clean_text(raw: str) -> str:
    """Return plain words: without HTML, entities, control and invisible characters; NFC; single spaces. Idempotent."""
    return strip_markup(raw)


def clean_lines(raw: str) -> str:
    """Clean like `clean_text`, but keep lines and paragraphs."""
    return strip_markup(raw, keep_lines=True)


def is_storable(text: str) -> bool:
    """Whether Postgres accepts the text: it has no NUL and no unpaired surrogates."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def make_storable(text: str) -> str:
    """Make text acceptable to Postgres and JSON: removes NUL, and replaces each unpaired surrogate by a question mark.

    Such surrogates stand for bytes in file names that are not UTF-8.
    """
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def clean_media_text(text: MediaText, limits: Limits) -> MediaText:
    """Clean every field and check its limit (in characters after cleaning).

    Keywords are split at line ends only. Duplicates, ignoring case, are removed; the order is kept. A time without a zone
    is read in the zone of `limits`.

    Raises:
        InvalidText: NUL, a field over its limit, or too many keywords; `context["field"]` names the field.

    """
    cleaned: dict[str, Any] = {
        name: _bounded(name, getattr(text, name), words, limits) for name, words in WORDS.items()
    }
    cleaned["keywords"] = _clean_keywords(text.keywords, limits)
    return _with_cleaned_date(replace(text, **cleaned), limits)


def fit_media_text(text: MediaText, limits: Limits) -> MediaText:
    """Clean like `clean_media_text`, but cut text that is too long instead of rejecting it: no user typed it."""
    keywords = distinct((_fitted(line, _KEYWORD, limits) for line in _lines(text.keywords)), limits.max_keywords)
    fitted: dict[str, Any] = {name: _fitted(getattr(text, name), words, limits) for name, words in WORDS.items()}
    return _with_cleaned_date(replace(text, **fitted, keywords=keywords), limits)


def is_only_coordinates(location: str) -> bool:
    """Whether a location consists only of coordinates, in any form that `read_position` knows."""
    return read_position(location) is not None


def embedding_text(text: MediaText) -> str:
    """Join title, location, caption, keywords and story into the text that the text encoder embeds.

    Each part becomes a sentence. Identical parts appear once, and bare coordinates are omitted. '' if there is nothing to
    embed.
    """
    parts = {name: getattr(text, name) for name in _EMBEDDED} | {"keywords": ", ".join(text.keywords)}
    if is_only_coordinates(text.location):
        del parts["location"]
    # Lines are for readers.
    sentences = distinct(" ".join(part.split()) for part in parts.values())
    return " ".join(part if part.endswith(_SENTENCE_ENDS) else f"{part}." for part in sentences)


def _with_cleaned_date(text: MediaText, limits: Limits) -> MediaText:
    """The text with a whole account of its moment. Only what a person gave has a zone by now, if it names none: that of
    others may be told by the rest of what is known of the picture."""
    if text.taken_at is None:
        return text.without_date()
    precision, source = Precision.of(text.taken_at_precision), text.taken_at_source or GIVEN_SOURCE
    is_settled = source == GIVEN_SOURCE or not precision.has_clock
    taken_at = in_zone(text.taken_at, precision, zone_of(limits.time_zone)) if is_settled else text.taken_at
    return text.with_date(taken_at, precision, source)


def _bounded(field: str, raw: str, words: Words, limits: Limits) -> str:
    max_characters = words.most_characters(limits)
    if "\0" in raw:
        raise InvalidText(f"The {field} holds a NUL character.", hint="Remove it.", field=field)
    if len(raw) > _RAW_ALLOWANCE * max_characters + _RAW_EXTRA_CHARACTERS:
        raise _too_long(field, len(raw), max_characters)
    cleaned = strip_markup(raw, keep_lines=words.has_lines)
    if len(cleaned) > max_characters:
        raise _too_long(field, len(cleaned), max_characters)
    return cleaned


def _too_long(field: str, characters: int, max_characters: int) -> InvalidText:
    return InvalidText(
        f"The {field} has {characters:,} characters; {max_characters:,} are allowed.", hint="Shorten it.", field=field
    )


def _clean_keywords(raw: Iterable[str], limits: Limits) -> tuple[str, ...]:
    words = distinct(_bounded("keyword", line, _KEYWORD, limits) for line in _lines(raw))
    if len(words) > limits.max_keywords:
        raise InvalidText(
            f"There are {len(words)} keywords; {limits.max_keywords} are allowed.",
            hint="Keep the most telling ones.",
            field="keywords",
        )
    return words


def _lines(raw: Iterable[str]) -> Iterable[str]:
    return (line for words in raw for line in words.splitlines())


def _fitted(raw: str, words: Words, limits: Limits) -> str:
    return _cut(strip_markup(raw[:_MAX_FOUND_CHARACTERS], keep_lines=words.has_lines), words.most_characters(limits))


def _cut(cleaned: str, max_characters: int) -> str:
    if len(cleaned) <= max_characters:
        return cleaned
    head = cleaned[:max_characters]
    # Cut at the end of a word if there is one in the second half.
    end = max(head.rfind(" "), head.rfind("\n"))
    return (head[:end] if end > max_characters // 2 else head).rstrip()
