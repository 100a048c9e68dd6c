"""Names of files as people gave them: cleaned to be kept and shown, and made safe to save a download under."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from backend.files.text.text import make_storable

MOST_NAME_CHARACTERS: Final = 255
"""Longest name that is kept. No file system has longer ones."""

MOST_FILE_NAME_BYTES: Final = 255
"""Longest name of a file in a folder, in UTF-8: the bound of ext4 and others, which refuse a longer one."""

_SUFFIX: Final = re.compile(r"\.\w{1,10}$")
_MOST_SUFFIX_CHARACTERS: Final = 16
_DIGEST_DIGITS: Final = 8
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# What turns the direction of writing around ("photo", U+202E, "gpj.exe" reads as "photoexe.jpg"), or is nothing to see.
_HIDDEN: Final = dict.fromkeys(
    map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u00ad\u200b\u2060\ufeff")
)
_REFUSED_BY_WINDOWS: Final = re.compile(r'[<>:"/\\|?*]')
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def clean_file_name(name: str) -> str:
    """The name of a file without its folders, in NFC and on one line, with at most `MOST_NAME_CHARACTERS`; '' if there is none.

    Removes what cannot be seen: control characters and those that turn the direction of writing. The suffix stays where
    a name is cut.
    """
    last = re.split(r"[/\\]", make_storable(name).rstrip())[-1].translate(_HIDDEN)
    line = "".join(" " if unicodedata.category(one) in {"Zl", "Zp"} else one for one in last)
    visible = "".join(one for one in line if unicodedata.category(one) != "Cc")
    cleaned = unicodedata.normalize("NFC", visible).strip()
    return "" if not cleaned.strip(". ") else _shorten(cleaned, MOST_NAME_CHARACTERS, len)


def file_name_in(source: str) -> str:
    """The last part of a path or of a web address, whose user and parameters are nobody's business; '' if there is none."""
    if "://" not in source:
        return clean_file_name(source)
    try:
        return clean_file_name(unquote(urlsplit(source).path))
    except ValueError:
        return ""


def fit_file_name(name: str, *, most_bytes: int) -> str:
    """A name that one file can have on the disk of a server, as near to `name` as it gets: without slashes and control characters,
    and with at most `most_bytes` in UTF-8. What is cut ends in a digest of the whole, so that two long names stay two."""
    name = _CONTROL.sub("_", name.replace("/", "_"))
    if name in {"", ".", ".."}:
        return "_"
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) <= most_bytes:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:_DIGEST_DIGITS]
    ending = f"-{digest}{PurePosixPath(name).suffix[:_MOST_SUFFIX_CHARACTERS]}".encode()
    return raw[: most_bytes - len(ending)].decode("utf-8", "ignore") + ending.decode("utf-8", "ignore")


def download_name(name: str, suffixes: Sequence[str], others: Collection[str], *, substitute: str) -> str:
    """The name to save a picture under, on any system: `name` with a suffix that fits its format, else `substitute`.

    Args:
        name: the name of its file, '' if it is not known.
        suffixes: those of its format, without dots. The first is the one that it gets.
        others: suffixes of other formats. One of them is replaced; any other stays, as a part of the name.
        substitute: a name without suffix.
    """
    cleaned = _REFUSED_BY_WINDOWS.sub("_", clean_file_name(name)).strip(" ")
    cleaned = re.sub(r"^\.+", "_", cleaned).rstrip(". ")
    stem, dot, suffix = cleaned.rpartition(".")
    if dot and suffix.lower() in suffixes:
        cleaned = f"{stem.rstrip('. ')}.{suffix}"
    elif dot and suffix.lower() in others:
        cleaned = f"{stem.rstrip('. ')}.{suffixes[0]}"
    elif cleaned:
        cleaned += f".{suffixes[0]}"
    if not cleaned.rpartition(".")[0].strip("._ "):
        cleaned = f"{substitute}.{suffixes[0]}"
    if _RESERVED.match(cleaned):
        cleaned = f"_{cleaned}"
    return _shorten(cleaned, MOST_FILE_NAME_BYTES, lambda text: len(text.encode()))


def ascii_name(name: str, *, substitute: str) -> str:
    """A download's name for clients that know ASCII only: without accents, and `substitute` where nothing would be left to read."""
    stem, dot, suffix = name.rpartition(".")
    plain = "".join(one for one in unicodedata.normalize("NFKD", stem) if not unicodedata.combining(one))
    # Some clients decode "%41" in it.
    kept = re.sub(r'[^\x20-\x7e]|["\\%/:*?<>|]', "_", plain)
    return f"{kept if re.search('[A-Za-z0-9]', kept) else substitute}{dot}{suffix}"


def _shorten(name: str, most: int, measure: Callable[[str], int]) -> str:
    """Cut a name before its suffix."""
    if measure(name) <= most:
        return name
    found = _SUFFIX.search(name)
    suffix = found.group() if found else ""
    stem = name.removesuffix(suffix)[:most]
    while measure(stem + suffix) > most:
        stem = stem[:-1]
    return stem.rstrip(". ") + suffix
