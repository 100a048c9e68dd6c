"""The code page of texts that name none, told by the letters that they would have in each."""

from typing import Final

WESTERN: Final = "cp1252"
"""What texts are read in that fit no other code page better."""

CODE_PAGE_TITLES: Final = {
    WESTERN: "Windows-1252",
    "mac_roman": "Mac OS Roman",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "cp1253": "Windows-1253",
    "cp1255": "Windows-1255",
}
"""The code pages that are told apart, with their names."""

_LATIN: Final = "éèàùâêîôûçëïäöüßñáíóúåøæœãõÉÀÇÜÖÄÅØÑÁÍÓÚ"
# The commonest letters, which make up most of a text, and the whole alphabet, as ranges.
_LETTERS: Final[dict[str, tuple[str, str]]] = {
    WESTERN: (_LATIN, "ÀÿŒœŠšŽžŸŸ"),
    "mac_roman": (_LATIN, "ÀÿŒœŸŸ"),
    "cp1250": ("ěščřžýáíéůúťďňĚŠČŘŽąęłśżźćńóőűöüŁŚŻăâîșşţäô", "ÀÿĂž"),
    "cp1251": ("оеаинтсрвлкмдпуяыі", "Ѐџ"),
    "koi8_r": ("оеаинтсрвлкмдпуяы", "Ѐџ"),
    "cp1253": ("αοιετσνηυρπκλμςωάίόέή", "Ͱώ"),
    "cp1255": ("יוהלאתרבםמשנחדקפ", "א\u05ea"),
}
# Signs that stand in texts of any alphabet: common ones count as letters, others for nothing.
_COMMON_SIGNS: Final = frozenset("’‘“”„–—…")
_SIGNS: Final = _COMMON_SIGNS | frozenset("«»€°©®§¡¿£½¼¾µ×±²³ªº·´¨\u00a0")
_LATIN_PAGES: Final = frozenset({WESTERN, "mac_roman", "cp1250"})
# How well another must fit, by how much better than the Western one, and below what that is doubted.
_GOOD: Final = 0.7
_MARGIN: Final = 0.25
_BAD: Final = 0.0
_MOST_BYTES: Final = 10_000


def guess_code_page(raw: bytes) -> tuple[str, bool]:
    """The code page of a text that is not UTF-8, and whether it fits well enough to be believed.

    Languages of Latin letters differ in few of them, so the Western page is chosen unless another one fits clearly better.
    East Asian encodings fit none, and are doubtful.
    """
    fits = {name: _fit(raw[:_MOST_BYTES], name) for name in _LETTERS}
    best = max(fits, key=lambda name: fits[name])  # the first of equals
    if best != WESTERN and fits[best] >= max(_GOOD, fits[WESTERN] + _MARGIN):
        return best, True
    return WESTERN, fits[WESTERN] >= _BAD


def _fit(raw: bytes, name: str) -> float:
    """1 where all letters beyond ASCII are common ones, down to -2 where none is a letter that belongs there."""
    frequent, alphabet = _LETTERS[name]
    words = raw.decode(name, "replace")
    ranges = [range(ord(first), ord(last) + 1) for first, last in zip(alphabet[::2], alphabet[1::2], strict=True)]
    points, count = 0.0, 0
    for before, one, after in zip(f" {words[:-1]}", words, f"{words[1:]} ", strict=True):
        is_within = before.isalpha() and after.isalpha()
        is_in_place = one in _SIGNS and (one == "’" or not is_within)
        if one.isascii() or (is_in_place and one not in _COMMON_SIGNS and before.isascii()):
            continue
        count += 1
        if one in frequent or one.lower() in frequent or (is_in_place and one in _COMMON_SIGNS):
            points += 1.0
        elif one.isalpha() and any(ord(one) in letters for letters in ranges):
            points += 0.3
        else:
            points -= 1.0
        if one.isupper() and before.islower():
            points -= 1.0
        if name in _LATIN_PAGES:
            # Two such letters in a row are rare, but for the ß.
            points -= 0.0 if before.isascii() or before in _COMMON_SIGNS or one in _COMMON_SIGNS or one == "ß" else 1.0
        elif one.isalpha():
            # Words do not mix alphabets.
            points -= 1.0 if any(beside.isascii() and beside.isalpha() for beside in (before, after)) else 0.0
    return points / max(count, 1)
