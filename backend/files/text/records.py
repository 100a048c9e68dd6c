"""Text from records of named values, such as a JSON sidecar or a row of a manifest."""

from collections.abc import Mapping
from typing import Any, Final

from backend.documents import read_json
from backend.errors import InvalidText
from backend.files.limits import Limits
from backend.files.text.keywords import split_keywords
from backend.files.text.text import WORDS, MediaText, clean_media_text, make_storable
from backend.moments import GIVEN_SOURCE, Precision

_KEYWORDS: Final = ("keywords", "tags")
_TAKEN_AT: Final = ("taken_at",)
_WORDS: Final = {name: (name, *words.also_called) for name, words in WORDS.items()}

RECORD_NAMES: Final = (*(called for names in _WORDS.values() for called in names), *_KEYWORDS, *_TAKEN_AT)
"""All names that a record's text fields can have."""


MOMENT_NAMES: Final = (*_TAKEN_AT, "taken_at_precision", "taken_at_source")
"""The moment of a record, with what an export says of it."""

_PRECISIONS: Final = {one.label: one for one in Precision}
_MOST_SOURCE_CHARACTERS: Final = 100


def text_of_record(record: Mapping[str, Any], limits: Limits) -> MediaText:
    """Return the cleaned text of a record. Unknown names are ignored, and null counts as empty.

    Keywords are a list of strings, or one string with commas or semicolons. A number as `taken_at` is Unix seconds. A person
    gave it, unless the record also has the precision and the source of an export.

    Raises:
        InvalidText: a value is not text, or exceeds the limits.

    """
    words: dict[str, Any] = {name: _string(record, names) for name, names in _WORDS.items()}
    text = MediaText(**words, keywords=_strings(record, _KEYWORDS))
    return clean_media_text(_with_exported_moment(text.given_date(_moment(record)), record), limits)


def parse_json_object(raw: str) -> dict[str, Any]:
    """Parse one JSON object. Raises InvalidText if it is not JSON or not an object."""
    try:
        value = read_json(raw)
    except ValueError as error:
        raise InvalidText(f"It is not valid JSON ({error}).", hint="Check quotes and commas.") from None
    if not isinstance(value, dict):
        raise InvalidText("It is JSON, but not an object.", hint='Write {"title": ..., "caption": ...}.')
    return value


def _find(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "", [])), None)


def _string(record: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = _find(record, names)
    return "" if value is None else _as_string(value, names[0])


def _strings(record: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    value = _find(record, names)
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(_as_string(one, names[0]) for one in value)
    return split_keywords(_as_string(value, names[0]))


def _moment(record: Mapping[str, Any]) -> object:
    value = _find(record, _TAKEN_AT)
    if value is not None:
        _as_string(value, _TAKEN_AT[0])
    return value


def _with_exported_moment(text: MediaText, record: Mapping[str, Any]) -> MediaText:
    """The text with the precision and the source of its moment, if an export said them."""
    _, label, source = (record.get(name) for name in MOMENT_NAMES)
    if text.taken_at is None or not isinstance(label, str) or label not in _PRECISIONS:
        return text
    named = make_storable(source).strip()[:_MOST_SOURCE_CHARACTERS] if isinstance(source, str) else ""
    return text.with_date(text.taken_at, _PRECISIONS[label], named or GIVEN_SOURCE)


def _as_string(value: object, name: str) -> str:
    # A title such as 1984 may be a number in JSON.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidText(f"{name} must be text, not {type(value).__name__}.", hint="Put it in quotes.", field=name)
    return str(value)
