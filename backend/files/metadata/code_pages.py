"""The code page of texts that name none, told by the letters that they would have in each."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from backend.files.metadata.east_asian import EAST_ASIAN_TITLES, fit_east_asian

WESTERN: Final = "cp1252"
"""What texts are read in that fit no other code page better."""

CODE_PAGE_TITLES: Final = {
    WESTERN: "Windows-1252",
    "mac_roman": "Mac OS Roman",
    "cp1250": "Windows-1250",
    "cp1254": "Windows-1254",
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "cp1253": "Windows-1253",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "cp874": "Windows-874",
    **EAST_ASIAN_TITLES,
}
"""The code pages that are told apart, with their names."""

# The letters beyond ASCII of each language. A text is in one of them, so "á", "í" and "ø" together are not Western.
_WESTERN_LANGUAGES: Final = (
    "äöüß", "åäöé", "æøåéôò", "éèàùâêîôûçëïüœ", "éèàìòùóî", "áéíóúñü", "áàâãéêíóôõúç", "áéíóúýðþæö", "éëïöüèóáê", "àèéíïòóúüç",
)  # fmt: skip
_CENTRAL_LANGUAGES: Final = ("áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüß")
# The commonest letters, which make up most of a text, and the whole alphabet, as ranges.
_LETTERS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    WESTERN: (_WESTERN_LANGUAGES, "ÀÿŒœŠšŽžŸŸ"),
    "mac_roman": (_WESTERN_LANGUAGES, "ÀÿŒœŸŸ"),
    "cp1250": (_CENTRAL_LANGUAGES, "ÀÿĂž"),
    "cp1254": (("çğıöşüâîû",), "ÀÿĞğİıŞş"),
    "cp1251": (("оеаинтсрвлкмдпуяыі",), "Ѐџ"),
    "koi8_r": (("оеаинтсрвлкмдпуяы",), "Ѐџ"),
    "cp1253": (("αοιετσνηυρπκλμςωάίόέή",), "Ͱώ"),
    "cp1255": (("יוהלאתרבםמשנחדקפ",), "א\u05ea"),
    "cp1256": (("ايلنمروتبةعدسفهك",), "ءي"),
    "cp874": (("กคงจดตทนบมยรลวสหอาเแ\u0e31\u0e34\u0e35\u0e37\u0e48\u0e49",), "กๆ\u0e31\u0e3a\u0e47\u0e4e"),
}
# Signs that stand in texts of any alphabet: common ones count as letters, others for nothing.
_COMMON_SIGNS: Final = frozenset("’‘“”„–—…")
_SIGNS: Final = _COMMON_SIGNS | frozenset("«»€°©®§¡¿£½¼¾µ×±²³ªº·´¨\u00a0")
_LATIN_PAGES: Final = frozenset({WESTERN, "mac_roman", "cp1250", "cp1254"})
# How well another must fit, by how much better than the Western one, and below what that is doubted.
_GOOD: Final = 0.7
_MARGIN: Final = 0.25
# Where the letters that differ are few among those that do not.
_LATIN_MARGIN: Final = 0.1
_CENTRAL_PAGES: Final = frozenset({"cp1250", "cp1254"})
_BAD: Final = 0.0
_MOST_BYTES: Final = 4_000


def guess_code_page(raw: bytes) -> tuple[str, bool]:
    """The code page of a text that is not UTF-8, and whether it fits well enough to be believed.

    Languages of Latin letters differ in few of them, so the Western page is chosen unless another one fits clearly better.
    """
    beginning = _beginning(raw)
    fits = fit_east_asian(beginning) | {name: _fit(beginning, name) for name in _LETTERS}
    best = max(fits, key=lambda name: fits[name])  # the first of equals
    margin = _LATIN_MARGIN if best in _CENTRAL_PAGES else _MARGIN
    if best != WESTERN and fits[best] >= max(_GOOD, fits[WESTERN] + margin):
        return best, True
    return WESTERN, fits[WESTERN] >= _BAD


def say_code_page(what: str, page: str, *, is_certain: bool) -> str:
    """The sentence for a text that is not read in the Western page, or may not be in it; '' for one that is."""
    if is_certain and page == WESTERN:
        return ""
    how = "fits best." if is_certain else "may be wrong: look at its words."
    return f"{what} does not name its encoding. It is read as {CODE_PAGE_TITLES[page]}, which {how}"


def _beginning(raw: bytes) -> bytes:
    """At most so many bytes, up to a blank, since a character may have two of them."""
    if len(raw) <= _MOST_BYTES:
        return raw
    head = raw[:_MOST_BYTES]
    return head[: max(head.rfind(b" "), head.rfind(b"\n"), head.rfind(b".")) + 1] or head


def _fit(raw: bytes, name: str) -> float:
    """1 where all letters beyond ASCII are common ones, down to -2 where none is a letter that belongs there."""
    words = raw.decode(name, "replace")
    letters: Counter[str] = Counter()
    points, signs = 0.0, 0
    for before, one, after in zip(f" {words[:-1]}", words, f"{words[1:]} ", strict=True):
        is_within = before.isalpha() and after.isalpha()
        is_in_place = one in _SIGNS and (one == "’" or not is_within)
        if one.isascii() or (is_in_place and one not in _COMMON_SIGNS and before.isascii()):
            continue
        if is_in_place and one in _COMMON_SIGNS:
            signs += 1
        else:
            letters[one] += 1
        if one.isupper() and before.islower():
            points -= 1.0
        if name in _LATIN_PAGES:
            # Two such letters in a row are rare, but for the ß.
            points -= 0.0 if before.isascii() or before in _COMMON_SIGNS or one in _COMMON_SIGNS or one == "ß" else 1.0
        elif one not in _SIGNS:
            # Words do not mix alphabets.
            points -= 1.0 if any(beside.isascii() and beside.isalpha() for beside in (before, after)) else 0.0
    languages, alphabet = _LETTERS[name]
    ranges = [range(ord(first), ord(last) + 1) for first, last in zip(alphabet[::2], alphabet[1::2], strict=True)]
    best = max(sum(_worth(one, common, ranges) * count for one, count in letters.items()) for common in languages)
    return (points + signs + best) / max(letters.total() + signs, 1)


def _worth(letter: str, common: str, alphabet: Iterable[range]) -> float:
    if letter in common or letter.lower() in common:
        return 1.0
    return 0.3 if any(ord(letter) in letters for letters in alphabet) and letter not in _SIGNS else -1.0
