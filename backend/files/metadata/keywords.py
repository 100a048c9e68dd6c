"""Which keywords of a file are words about its picture: not a program's bookkeeping, and which of them name people."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from backend.files.metadata.fields import GROUP_ROOT
from backend.files.text import clean_text, is_boilerplate_keyword

# The root that programs put names below, also as digiKam translates it.
_PEOPLE_ROOTS: Final = frozenset(
    ["people", "personen", "personnes", "personas", "persone", "pessoas", "personer", "osoby", "люди", "人物"]
)
# Tags that programs keep for themselves, by how they begin, and the roots of paths of such tags.
_INTERNAL: Final = ("_digikam", "color label", "pick label")
_INTERNAL_ROOTS: Final = frozenset([GROUP_ROOT, "darktable"])
_LEVELS: Final = re.compile(r"[|/]")


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword as a file has it.

    Attributes:
        words: the parts of its path; of a plain keyword, the keyword alone.
        is_path: whether it is in a hierarchy, as a path of one part or more.
    """

    words: tuple[str, ...]
    is_path: bool = False

    @property
    def path(self) -> Sequence[str]:
        """The parts by which it is judged. Some programs write paths among the plain keywords."""
        return self.words if self.is_path else [part for word in self.words for part in _LEVELS.split(word)]


def written_keywords(keywords: Iterable[Keyword]) -> Iterator[str]:
    """Yield the words of keywords, without those of programs and of groups.

    Programs that write such a path again repeat its parts among the plain keywords, so these are left out too. A keyword
    that a picture has of itself is in a path of its own.
    """
    keywords = list(keywords)
    internal = _parts_of(one for one in keywords if _is_internal(one))
    internal -= _parts_of(one for one in keywords if one.is_path and not _is_internal(one))
    for one in keywords:
        if not _is_internal(one):
            yield from (word for word in one.words if _plain(word) not in internal and not is_boilerplate_keyword(word))


def without_people(words: Iterable[str], keywords: Iterable[Keyword], people: Iterable[str]) -> Iterator[str]:
    """Yield the words that name nobody: neither one of `people`, nor what a path below `People` has."""
    keywords = [one for one in keywords if _is_below(one, _PEOPLE_ROOTS)]
    names = _parts_of(keywords) | {_plain(word) for one in keywords for word in one.words} | set(map(_plain, people))
    return (word for word in words if _plain(word) not in names)


def _is_internal(keyword: Keyword) -> bool:
    return _plain(keyword.path[0]).startswith(_INTERNAL) or _is_below(keyword, _INTERNAL_ROOTS)


def _is_below(keyword: Keyword, roots: frozenset[str]) -> bool:
    path = [part for part in keyword.path if part.strip()]
    return len(path) > 1 and _plain(path[0]) in roots


def _parts_of(keywords: Iterable[Keyword]) -> set[str]:
    return {_plain(part) for one in keywords for part in one.path} - {""}


def _plain(word: str) -> str:
    """The word as words are compared: what is shown of it, in one form, without case."""
    return unicodedata.normalize("NFC", clean_text(word).casefold())
