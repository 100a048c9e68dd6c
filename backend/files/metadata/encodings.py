"""Decoding of the texts of EXIF and IPTC, whose encoding is often not the one that they name."""

import unicodedata
from typing import Final

from backend.files.metadata.code_pages import WESTERN, guess_code_page, say_code_page

_NAMED_CODE_BYTES: Final = 8
_MOSTLY: Final = 0.8
_MOSTLY_SMALL: Final = 0.6
# So many Korean syllables in a row are no UTF-8 by chance.
_FEW_LETTERS: Final = 3
# Where nearly all letters of both byte orders are letters, those before this are likelier: Latin to Hebrew and Arabic.
_COMMON_LETTERS: Final = "\u0780"
# After them the letters of Thai, Japanese, Chinese and Korean, with their signs. What is between and beyond is rare.
_EAST_ASIAN: Final = (
    ("\u0e00", "\u0e7f"),
    ("\u3000", "\u9fff"),
    ("\uac00", "\ud7a3"),
    ("\uff00", "\uffef"),
)
_CONTROL_CHARACTERS: Final = bytes({*range(0x20)} - {*b"\t\n\r"})
_ESCAPE: Final = b"\x1b"
_JIS_X_0208: Final = (b"\x1b$B", b"\x1b(B")


def as_words(value: object, page: str = WESTERN) -> str:
    """Decode text of unknown encoding (UTF-8, or else a code page), up to its first NUL; '' if it is not text."""
    raw = _as_bytes(value)
    if isinstance(raw, str):
        return raw
    for encoding in ("utf-8-sig", page):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def as_told_words(value: object, what: str = "", warnings: list[str] | None = None) -> str:
    """Decode like `as_words`, but text that is not UTF-8 in the code page that fits it best.

    `what` is the text in a sentence, for `warnings` to get one where it is not Western for certain.
    """
    raw = _as_bytes(value)
    if isinstance(raw, str) or _is_utf8(raw) or raw.translate(None, _CONTROL_CHARACTERS) != raw:  # the last is data
        return as_words(value)
    page, is_certain = guess_code_page(raw)
    if warnings is not None and (warning := say_code_page(what, page, is_certain=is_certain)):
        warnings.append(warning)
    return as_words(raw, page)


def is_told(value: object) -> bool:
    """Whether text is UTF-8, or fits a code page. Data seldom does."""
    raw = _as_bytes(value)
    return isinstance(raw, str) or _is_utf8(raw) or guess_code_page(raw)[1]


def _as_bytes(value: object) -> bytes | str:
    """The bytes of a text up to its first NUL; itself if it has other characters, and '' if it is not text."""
    if isinstance(value, str):
        # Pillow reads EXIF text as Latin-1; cameras and editors write UTF-8.
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:
            return str(value).split("\0", 1)[0]
    return value.split(b"\0", 1)[0] if isinstance(value, bytes) else ""


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def as_utf16(value: object) -> str:
    """Decode a field of Windows (XPTitle, ...): UTF-16 in little-endian order, up to its first NUL."""
    if isinstance(value, tuple):
        value = bytes(value)
    if not isinstance(value, bytes):
        return ""
    return (_as_narrow(value) or _until_nul(value.decode("utf-16-le", "ignore"))).strip()


def as_comment(value: object, byte_order: str) -> str:
    """Decode a UserComment, whose first eight bytes name its code: ASCII, UNICODE, JIS, or zeros.

    `byte_order` ('<' or '>') is that of the file. Many programs write UNICODE in the other one.
    """
    if not isinstance(value, bytes):
        return as_told_words(value)
    code = value[:_NAMED_CODE_BYTES].rstrip(b"\0 ").upper()
    rest = value[_NAMED_CODE_BYTES:]
    if code == b"UNICODE":
        return _as_unicode(rest, byte_order).strip()
    if code == b"JIS":
        return _as_jis(rest).strip()
    words = as_told_words(rest if code in {b"ASCII", b""} else value).strip()
    # Some phones write data of their own here.
    printable = sum(character.isprintable() or character.isspace() for character in words)
    return words if printable >= _MOSTLY * len(words) else ""


def _as_unicode(raw: bytes, byte_order: str) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if raw.startswith(mark):
            return _until_nul(raw[2:].decode(encoding, "ignore"))
    if narrow := _as_narrow(raw):
        return narrow
    orders = ("utf-16-be", "utf-16-le") if byte_order == ">" else ("utf-16-le", "utf-16-be")
    # `max` keeps the order of equals, so the file's order decides where both are as likely.
    return max((_until_nul(raw.decode(one, "ignore")) for one in orders), key=_likelihood)


def _as_narrow(raw: bytes) -> str:
    """UTF-8 where UTF-16 was declared; '' unless it is likelier.

    Two letters of ASCII are a Chinese character in UTF-16, so it takes more of them, and more small ones, than Chinese has by
    chance. UTF-16 of most other scripts has zeros or control characters in it.
    """
    body = raw.rstrip(b"\0")
    try:
        words = body.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    if not words.strip() or not all(one.isprintable() or one in "\t\n\r" for one in words):
        return ""
    if len(raw) % 2 and raw == body:
        return words
    if not words.isascii():
        is_likely = len(words) >= _FEW_LETTERS or any(one.isascii() for one in words) or _exist(raw) < 1.0
        return words if is_likely else ""
    small = sum(one.islower() or one.isspace() for one in words) / len(words)
    letters = sum(one.isalpha() or one.isspace() for one in words) / len(words)
    return words if small >= _MOSTLY_SMALL or (letters >= _MOSTLY and " " in words.strip()) else ""


def _exist(raw: bytes) -> float:
    return max(_likelihood(raw.decode(one, "ignore"))[0] for one in ("utf-16-le", "utf-16-be"))


def _until_nul(words: str) -> str:
    return words.split("\0", 1)[0]


def _likelihood(words: str) -> tuple[float, float]:
    """How likely words are, by the part of letters that exist, and of common ones."""
    if not words.strip():
        return 0.0, 0.0
    exist = sum(unicodedata.category(one)[0] in "LMNPZS" for one in words) / len(words)
    common = sum(map(_commonness, words)) / len(words)
    return round(exist, 1), common


def _commonness(letter: str) -> float:
    if letter < _COMMON_LETTERS:
        return 1.0
    return 0.5 if any(first <= letter <= last for first, last in _EAST_ASIAN) else 0.0


def _as_jis(raw: bytes) -> str:
    if _ESCAPE not in raw:
        body = raw.rstrip(b"\0 ")
        if body and not len(body) % 2 and all(0x21 <= byte <= 0x7E for byte in body):
            raw = _JIS_X_0208[0] + body + _JIS_X_0208[1]
    for encoding in ("iso2022_jp_ext", "shift_jis", "euc_jp"):
        try:
            return _until_nul(raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return ""
