"""Term counts of a cluster's members: whole keywords, and the words and word pairs of captions and titles."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

KEYWORD_WEIGHT = 3.0
WORD_WEIGHT = 1.0
_LEAST_CHARACTERS = 2
_MOST_CHARACTERS = 40
_PAIR_SHARE = 0.5
_STOP_WORDS_FILE = Path(__file__).parent / "stop_words.txt"
# Matches l'eau and d'Orcia but not don't: only one letter precedes the apostrophe.
_ELISION = re.compile(r"^\w['’](?=\w)")
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True, slots=True)
class MemberText:
    """The cleaned text of one picture.

    Attributes:
        keywords: its keywords, may be empty.
        title: its title, '' if it has none.
        caption: its caption, '' if it has none.
    """

    keywords: Sequence[str] = ()
    title: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class ClusterTerms:
    """The terms of one cluster. Keys are normalised terms: lower case, each word in the singular.

    Attributes:
        weights: for each term, the members that use it, weighted by place (a keyword counts more than a caption's word).
        members: for each term, the number of members that use it.
        surfaces: the most frequent spelling of a term, if it is not the key itself.
        size: number of members read.
        speaking: number of those that have any term.
    """

    weights: dict[str, float] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    surfaces: dict[str, str] = field(default_factory=dict)
    size: int = 0
    speaking: int = 0


@cache
def stop_words() -> frozenset[str]:
    """Stop words of several languages, folded."""
    return frozenset(fold(word) for word in read_list(_STOP_WORDS_FILE, r"\s+"))


def read_list(path: Path, separators: str) -> list[str]:
    """The entries of a text file between separators (a regular expression); lines that begin with # are left out."""
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [entry for line in lines for entry in (part.strip() for part in re.split(separators, line)) if entry]


def fold(text: str) -> str:
    """Normalise text for comparison: NFKC and case folding."""
    return unicodedata.normalize("NFKC", text).casefold()


def singular(word: str) -> str:
    """A folded word without its English plural ending (the S-stemmer of Harman 1991), or a plural s of other languages."""
    if word.endswith("ies") and not word.endswith(("aies", "eies")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("us", "ss", "is")) and len(word) > 3:
        return word[:-1]
    return word


def read_terms(texts: Iterable[MemberText]) -> ClusterTerms:
    """Count the terms of one cluster's members. A member counts once for each term, however often it uses it."""
    found = ClusterTerms()
    size = speaking = 0
    spellings: dict[str, Counter[str]] = {}
    for text in texts:
        size += 1
        said = _terms_of(text)
        speaking += bool(said)
        for key, (surface, weight) in said.items():
            found.weights[key] = found.weights.get(key, 0.0) + weight
            found.members[key] = found.members.get(key, 0) + 1
            spellings.setdefault(key, Counter())[surface] += 1
    found.surfaces.update(_commonest_spellings(spellings))
    _remove_chance_pairs(found)
    return ClusterTerms(found.weights, found.members, found.surfaces, size, speaking)


def says_something(text: str) -> bool:
    """Whether a text contains a meaningful word. The file name that a camera gives does not."""
    return next(_terms_of_prose(text), None) is not None


def _terms_of(text: MemberText) -> dict[str, tuple[str, float]]:
    """Maps each term of one member to (spelling, weight). A keyword takes precedence over the same word in a caption."""
    said: dict[str, tuple[str, float]] = {}
    phrases: set[str] = set()
    for keyword in text.keywords:
        words = _words(keyword, keep_numbers=True)
        key = _key(*words)
        if not _is_term(key) or (len(words) == 1 and fold(words[0]) in stop_words()):
            continue
        said.setdefault(key, (" ".join(words), KEYWORD_WEIGHT))
        if len(words) > 1:
            phrases.update(key.split())
    for part in (text.caption, text.title):
        for key, surface in _terms_of_prose(part):
            # The words of a multi-word keyword belong to that phrase and are not counted separately.
            if key not in phrases:
                said.setdefault(key, (surface, WORD_WEIGHT))
    return said


def _terms_of_prose(text: str) -> Iterator[tuple[str, str]]:
    """Yield (key, spelling) of each meaningful word, and of each pair of adjacent ones."""
    before: tuple[str, str] | None = None
    for word in _words(text, keep_numbers=False, keep_gaps=True):
        key = _telling_key(word)
        if not key:
            before = None
            continue
        now = (key, word)
        yield now
        if before is not None and before[0] != now[0]:
            yield f"{before[0]} {now[0]}", f"{before[1]} {now[1]}"
        before = now


def _words(text: str, *, keep_numbers: bool, keep_gaps: bool = False) -> list[str]:
    """Words without surrounding punctuation and emoji. With `keep_gaps`, '' marks an omitted word or a punctuation stop."""
    words: list[str] = []
    for raw in unicodedata.normalize("NFKC", text).translate(_SPACED).split():
        word = _POSSESSIVE.sub("", _ELISION.sub("", raw.strip("'’-")))
        if word and word != _STOP and (keep_numbers or not any(character.isdigit() for character in word)):
            words.append(word)
        elif keep_gaps:
            words.append("")
    return words


@lru_cache(maxsize=50_000)
def _telling_key(word: str) -> str:
    """The key of one word; '' for a stop word or something that is not a word."""
    folded = fold(word)
    return "" if folded in stop_words() or not _is_term(folded) else _key(word)


def _key(*words: str) -> str:
    # A hyphen counts as a space, as in hot-air balloon.
    return " ".join(singular(word) for word in fold(" ".join(words)).replace("-", " ").split())


def _is_term(key: str) -> bool:
    # At least two letters, or one character of a script whose words can be one character long.
    letters = sum(character.isalpha() for character in key)
    return (letters >= _LEAST_CHARACTERS or key > "\u2e80") and letters > 0 and len(key) <= _MOST_CHARACTERS


def _commonest_spellings(spellings: dict[str, Counter[str]]) -> dict[str, str]:
    """The most frequent spelling of each key. Lower case is preferred: a capital may only have begun a sentence."""
    chosen = {}
    for key, counts in spellings.items():
        small = {surface: count for surface, count in counts.items() if surface == surface.lower()}
        best = min((small or counts).items(), key=lambda entry: (-entry[1], entry[0]))[0]
        if best != key:
            chosen[key] = best
    return chosen


def _remove_chance_pairs(found: ClusterTerms) -> None:
    """Remove word pairs from captions unless several members use the pair, and mostly use its words together."""
    members = dict(found.members)
    for key, count in members.items():
        first, _, second = key.partition(" ")
        if not second or found.weights[key] > count * WORD_WEIGHT:
            continue  # a word, or a keyword
        if count < 2 or count < _PAIR_SHARE * max(members.get(first, 0), members.get(second, 0)):
            for table in (found.weights, found.members, found.surfaces):
                table.pop(key, None)


_STOP = "|"


class _Spaced(dict[int, str]):
    """Table for `str.translate`: keeps letters, marks, digits and joiners, turns stops into `|` and the rest into spaces."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.category(character)[0] in "LMN" or character in "'’-":
            kept = character
        else:
            kept = f" {_STOP} " if character in ".,;:!?()…。、" else " "
        self[code] = kept
        return kept


_SPACED = _Spaced()
