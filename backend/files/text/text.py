"""The text of a picture: its fields, and how they are cleaned, limited, merged and joined for the text encoder."""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Self

from backend.errors import InvalidText
from backend.files.limits import Limits
from backend.files.text.markup import strip_markup

_SEPARATORS: Final = re.compile(r"[,;]")
_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。")
_ONLY_COORDINATES: Final = re.compile(r"-?\d{1,3}(?:\.\d+)?\s*,\s*-?\d{1,3}(?:\.\d+)?")
# Raw text may have this many times the limit, since it may contain markup. The bound limits the work of cleaning.
_RAW_ALLOWANCE: Final = 4
_RAW_EXTRA_CHARACTERS: Final = 1_000
# Text found inside a file is cut to this length before cleaning.
_MAX_FOUND_CHARACTERS: Final = 100_000
_EXIF_DATE: Final = re.compile(r"(\d{4})[:/](\d{2})[:/](\d{2})(?=$|[ T])")
_EPOCH_SECONDS: Final = re.compile(r"-?\d{9,12}(?:\.\d+)?")
_YEARS: Final = range(1000, 9999)


@dataclass(frozen=True, slots=True)
class MediaText:
    """The text of one picture. Empty fields are '' (keywords: ()).

    Attributes:
        title: its title.
        caption: its caption.
        keywords: its keywords.
        location: name of the place.
        story: longer text.
        taken_at: when it was taken, always with a time zone.
    """

    title: str = ""
    caption: str = ""
    keywords: tuple[str, ...] = ()
    location: str = ""
    story: str = ""
    taken_at: datetime | None = None

    def or_else(self, other: Self) -> Self:
        """Fill empty fields from `other`."""
        return type(self)(**{f.name: getattr(self, f.name) or getattr(other, f.name) for f in fields(self)})

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
    xmp: tuple[str, ...] = ()
    """Its properties in XMP, with the usual prefixes."""
    iptc: tuple[int, ...] = ()
    """Its datasets in record 2 of IPTC."""
    is_joined: bool = False
    """Whether these are parts of the field, narrowest first. If not, the first one with text counts."""

    def most_characters(self, limits: Limits) -> int:
        most = getattr(limits, self.limit)
        assert isinstance(most, int)
        return most

    def choose(self, found: Iterable[str]) -> str:
        """Return the field from the texts found for its names in XMP or IPTC, in their order."""
        texts = dict.fromkeys(text.strip() for text in found if text.strip())
        return ", ".join(texts) if self.is_joined else next(iter(texts), "")


WORDS: Final[Mapping[str, Words]] = {
    "title": Words("max_title_characters", xmp=("dc:title", "photoshop:Headline"), iptc=(5, 105)),
    "caption": Words("max_caption_characters", also_called=("description",), xmp=("dc:description",), iptc=(120,)),
    "location": Words(
        "max_location_characters",
        xmp=("Iptc4xmpCore:Location", "photoshop:City", "photoshop:State", "photoshop:Country"),
        iptc=(92, 90, 95, 101),
        is_joined=True,
    ),
    "story": Words("max_story_characters"),
}
"""The text fields by name. Cleaning, cutting, statements, exports, and reading of records and metadata use this table."""

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
        clear_taken_at: whether to remove the time.
    """

    title: str | None = None
    caption: str | None = None
    keywords: tuple[str, ...] | None = None
    location: str | None = None
    story: str | None = None
    taken_at: datetime | None = None
    clear_taken_at: bool = False

    @classmethod
    def to(cls, text: MediaText, names: Container[str]) -> Self:
        """Change the fields with these names to those of `text`, but keep the time if it has none."""
        return cls(**{field.name: getattr(text, field.name) for field in fields(text) if field.name in names})

    def apply_to(self, text: MediaText) -> MediaText:
        """Return the text with the changes applied."""
        changed = {
            field.name: getattr(text, field.name) if (value := getattr(self, field.name)) is None else value
            for field in fields(MediaText)
        }
        if self.clear_taken_at:
            changed["taken_at"] = None
        return MediaText(**changed)


def clean_text(raw: str) -> str:
    """Return plain words: without HTML, entities, control and invisible characters; NFC; single spaces. Idempotent."""
    return strip_markup(raw)


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

    Keywords are split at commas, semicolons and line ends. Duplicates, ignoring case, are removed; the order is kept.

    Raises:
        InvalidText: NUL, a field over its limit, or too many keywords; `context["field"]` names the field.

    """
    cleaned: dict[str, Any] = {
        field.name: _bounded(field.name, getattr(text, field.name), WORDS[field.name].most_characters(limits))
        if field.name in WORDS
        else _clean_keywords(text.keywords, limits)
        if field.name == "keywords"
        else getattr(text, field.name)
        for field in fields(MediaText)
    }
    return MediaText(**cleaned)


def fit_media_text(text: MediaText, limits: Limits) -> MediaText:
    """Clean like `clean_media_text`, but cut text that is too long instead of rejecting it: no user typed it."""
    keywords = _split(clean_text(line[:_MAX_FOUND_CHARACTERS]) for line in _lines(text.keywords))
    distinct = _distinct(_cut(word, limits.max_keyword_characters) for word in keywords)
    fitted = {name: _fitted(getattr(text, name), words.most_characters(limits)) for name, words in WORDS.items()}
    return MediaText(**fitted, keywords=distinct[: limits.max_keywords], taken_at=text.taken_at)


def is_only_coordinates(location: str) -> bool:
    """Whether a location consists only of latitude and longitude in degrees, with a comma between them."""
    return _ONLY_COORDINATES.fullmatch(location) is not None


def embedding_text(text: MediaText) -> str:
    """Join title, location, caption, keywords and story into the text that the text encoder embeds.

    Each part becomes a sentence. Identical parts appear once, and bare coordinates are omitted. '' if there is nothing to
    embed.
    """
    parts = {name: getattr(text, name) for name in _EMBEDDED} | {"keywords": ", ".join(text.keywords)}
    if is_only_coordinates(text.location):
        del parts["location"]
    sentences = _distinct(part.strip() for part in parts.values())
    return " ".join(part if part.endswith(_SENTENCE_ENDS) else f"{part}." for part in sentences)


def parse_taken_at(raw: str) -> datetime | None:
    """Parse a time: ISO 8601, EXIF's '2024:05:01 12:30:00' (a zone may follow) or Unix seconds; None for ''.

    A time without a zone is interpreted as UTC.

    Raises:
        InvalidText: it is none of these, or the year is not between 1000 and 9998.

    """
    value = raw.strip()
    if not value:
        return None
    try:
        moment = _parse_moment(value)
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.year not in _YEARS:
        raise InvalidText(
            f"taken_at is {value[:64]!r}, which is not a date and time.",
            hint="Write it like 2024-05-01T12:30:00+02:00.",
            field="taken_at",
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_moment(value: str) -> datetime:
    if _EPOCH_SECONDS.fullmatch(value):
        return datetime.fromtimestamp(float(value), UTC)
    return datetime.fromisoformat(_EXIF_DATE.sub(r"\1-\2-\3", value))


def _bounded(field: str, raw: str, max_characters: int) -> str:
    if "\0" in raw:
        raise InvalidText(f"The {field} holds a NUL character.", hint="Remove it.", field=field)
    if len(raw) > _RAW_ALLOWANCE * max_characters + _RAW_EXTRA_CHARACTERS:
        raise _too_long(field, len(raw), max_characters)
    cleaned = clean_text(raw)
    if len(cleaned) > max_characters:
        raise _too_long(field, len(cleaned), max_characters)
    return cleaned


def _too_long(field: str, characters: int, max_characters: int) -> InvalidText:
    return InvalidText(
        f"The {field} has {characters:,} characters; {max_characters:,} are allowed.", hint="Shorten it.", field=field
    )


def _clean_keywords(raw: Iterable[str], limits: Limits) -> tuple[str, ...]:
    # One element may be a whole list ("sea, sun"), so its limit is that of a list.
    most_characters = limits.max_keywords * (limits.max_keyword_characters + 2)
    words = _distinct(_split(_bounded("keywords", line, most_characters) for line in _lines(raw)))
    if len(words) > limits.max_keywords:
        raise InvalidText(
            f"There are {len(words)} keywords; {limits.max_keywords} are allowed.",
            hint="Keep the most telling ones.",
            field="keywords",
        )
    for word in words:
        if len(word) > limits.max_keyword_characters:
            raise _too_long("keyword", len(word), limits.max_keyword_characters)
    return words


def _lines(raw: Iterable[str]) -> Iterable[str]:
    return (line for words in raw for line in words.splitlines())


def _split(lines: Iterable[str]) -> Iterable[str]:
    # After cleaning, because entities contain semicolons.
    return (part.strip() for line in lines for part in _SEPARATORS.split(line))


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    """Remove empty words and repetitions, ignoring case."""
    said: dict[str, str] = {}
    for word in words:
        if word:
            said.setdefault(word.casefold(), word)
    return tuple(said.values())


def _fitted(raw: str, max_characters: int) -> str:
    return _cut(clean_text(raw[:_MAX_FOUND_CHARACTERS]), max_characters)


def _cut(cleaned: str, max_characters: int) -> str:
    if len(cleaned) <= max_characters:
        return cleaned
    head = cleaned[:max_characters]
    # Cut at the end of a word if there is one in the second half.
    end = head.rfind(" ")
    return (head[:end] if end > max_characters // 2 else head).rstrip()
