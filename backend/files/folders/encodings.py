"""The encoding of text files, which do not name it: by their first bytes, or else by what they can be read as."""

import codecs
from collections.abc import Iterator
from typing import Final

from backend.errors import InvalidText
from backend.files.metadata import guess_code_page, say_code_page

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# At least one byte in so many is a zero.
_ZEROS_OF_LATIN: Final = 4
_ZEROS_ANYWHERE: Final = 128


def decode_text(raw: bytes) -> str:
    """Decode UTF-8, UTF-16 or UTF-32, with a mark or without, or else in the code page that fits best.

    Raises:
        InvalidText: the bytes are not text.

    """
    for encoding in _encodings(raw):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise InvalidText("It is not a text file.", hint="Save it as UTF-8.")


def doubt_encoding(raw: bytes) -> str:
    """A sentence if text is in a code page that nothing tells for certain; else ''."""
    if marked_encoding(raw) or _is_utf8(raw):
        return ""
    page, is_certain = guess_code_page(raw)
    return "" if is_certain else say_code_page("It", page, is_certain=False)


def _encodings(raw: bytes) -> Iterator[str]:
    yield marked_encoding(raw) or "utf-8"
    yield guess_code_page(raw)[0]
    yield from ("cp1252", "latin-1")


def marked_encoding(head: bytes) -> str | None:
    """The encoding that the first bytes of a file tell; None if they may be UTF-8 or a code page."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    # Letters of Latin, and in any language spaces, digits and line ends, have a zero byte in UTF-16, all on one side.
    zeros = [head[0::2].count(0), head[1::2].count(0)]
    least = len(head) / (_ZEROS_ANYWHERE if not _is_utf8(head) else _ZEROS_OF_LATIN)
    if all(zeros) or max(zeros) < max(least, 1):
        return None
    return "utf-16-le" if zeros[1] else "utf-16-be"


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
