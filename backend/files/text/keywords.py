"""Keywords that are written as one text, and lists of them without repetitions."""

import re
from collections.abc import Iterable, Iterator
from html.entities import html5
from typing import Final

_QUOTED: Final = re.compile(r'\s*"([^"\n]*)"\s*(?=[,;\n]|$)')
# A semicolon may end an entity of HTML instead of a keyword.
_SEPARATOR: Final = re.compile(r"[,\n]|(&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31}))?;", re.IGNORECASE)


def split_keywords(raw: str) -> tuple[str, ...]:
    """Split a text with several keywords at commas, semicolons and line ends. "Doe, Jane" in quotes is one keyword."""
    return tuple(word for part in _parts(raw) if (word := part.strip()))


def join_keywords(keywords: Iterable[str]) -> str:
    """Join keywords to one text that `split_keywords` splits into the same ones."""
    return ", ".join(f'"{word}"' if "," in word or ";" in word else word for word in keywords)


def distinct(words: Iterable[str], most: int | None = None) -> tuple[str, ...]:
    """Remove empty words and repetitions, ignoring case. `most`: stop at this many."""
    said: dict[str, str] = {}
    for word in words:
        if len(said) == most:
            break
        if word:
            said.setdefault(word.casefold(), word)
    return tuple(said.values())


def _parts(raw: str) -> Iterator[str]:
    start = 0
    while start < len(raw):
        if quoted := _QUOTED.match(raw, start):
            yield quoted[1]
            start = quoted.end() + 1
            continue
        end = _end_of_keyword(raw, start)
        yield raw[start:end]
        start = end + 1


def _end_of_keyword(raw: str, start: int) -> int:
    for match in _SEPARATOR.finditer(raw, start):
        entity = (match[1] or "").removeprefix("&")
        if not entity.startswith("#") and f"{entity};" not in html5:
            return match.end() - 1
    return len(raw)
