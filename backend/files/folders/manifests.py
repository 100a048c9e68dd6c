"""Manifests: lists of pictures with their text, as .csv (comma, semicolon or tab) or .jsonl."""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, Final, TextIO

from backend.errors import FileUnreadable, InputError, InvalidText
from backend.files.folders.encodings import marked_encoding
from backend.files.folders.foreign_records import (
    is_of_exiftool,
    read_exiftool,
    read_leniently,
)
from backend.files.folders.opening import open_regular
from backend.files.folders.pairing import compared
from backend.files.limits import Limits
from backend.files.metadata import JSON, hide_coordinates, place_of
from backend.files.text import (
    MediaText,
    parse_json_object,
    read_latitude,
    read_longitude,
    text_of_record,
)
from backend.moments import DateCandidate

_MOST_LINE_CHARACTERS: Final = 4 * 1024 * 1024
_SOURCE_FILE: Final = "sourcefile"
_PATH_NAMES: Final = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    _SOURCE_FILE,
)
_CAPTION_NAME: Final = "text"  # of data sets in folders, where it is the caption
_LATITUDES: Final = ("latitude", "latitude_degrees", "lat", "gpslatitude")
_LONGITUDES: Final = ("longitude", "longitude_degrees", "lon", "lng", "gpslongitude")
_HEAD_BYTES: Final = 4096
# Excel reads the separator from a line before the header.
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?[,;\t]*\s*', re.IGNORECASE)
_MOST_LISTED_FOLDERS: Final = 256
_URL_NAMES: Final = ("url", "image_url")
_DELIMITERS: Final = ",;\t"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One picture to import. Exactly one of `path` and `url` is set.

    Attributes:
        path: the file; relative paths are resolved against the manifest's folder.
        url: the address.
        text: its cleaned text.
        line: line in the manifest, from 1.
        place: its coordinates under the same names as in `exif`; empty if there are none.
        dates: the moments that a program wrote. One that a person gave is in `text`.
        warnings: what was left out or cut. Lines that people write are refused instead; those of exiftool are not.
    """

    path: Path | None
    url: str | None
    text: MediaText
    line: int
    place: dict[str, JSON] = field(default_factory=dict)
    dates: tuple[DateCandidate, ...] = ()
    warnings: tuple[InvalidText, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestError:
    """A line that cannot be used. The following lines are still read.

    Attributes:
        line: line in the manifest, from 1.
        error: what is wrong with it.
    """

    line: int
    error: InputError


Record = tuple[int, Mapping[str, Any] | InvalidText]


def read_manifest(path: Path, limits: Limits) -> Iterator[ManifestRow | ManifestError]:
    """Yield the rows of a manifest in order, with cleaned text. Paths are relative to the manifest's folder.

    Columns or keys: path (file, filename, file_name, image, ...) or url (image_url), those of `RECORD_NAMES`, text as a caption,
    latitude, and longitude. Others are ignored, empty lines skipped. With `SourceFile` it is a table of exiftool, with the
    names of exiftool. Backslashes may separate folders.

    Raises (at the call, not at the first row):
        FileUnreadable: the manifest cannot be opened, or is neither .csv nor .jsonl.
        InvalidText: a CSV file has no column for the picture.
    """
    readers: dict[str, Callable[[_Lines], Iterator[Record]]] = {
        ".csv": _csv_records, ".tsv": _csv_records, ".jsonl": _json_records, ".ndjson": _json_records,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FileUnreadable(f"{path} is neither .csv nor .jsonl.", hint="Rename or convert the manifest.")
    file = open_regular(path)
    try:
        encoding = marked_encoding(file.read(_HEAD_BYTES))
        file.seek(0)
        # Bytes that are not UTF-8 become surrogates, so that only their own line fails.
        errors = "surrogateescape" if encoding in {None, "utf-8-sig"} else "replace"
        lines = _Lines(TextIOWrapper(file, encoding=encoding or "utf-8-sig", errors=errors, newline=""))
        records = reader(lines)
    except OSError as error:
        file.close()
        raise FileUnreadable(f"{path} cannot be read ({error.strerror}).", hint="Check the path.") from None
    except InvalidText as error:
        file.close()
        raise InvalidText(f"{path}: {error.detail}", hint=error.hint) from None
    return _rows(lines, records, path.parent, limits)


class _Lines:
    """The lines of a manifest. One that is too long is not read into memory: it raises InvalidText, and is the last."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._is_over = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = "" if self._is_over else self.readline()
        if not line:
            raise StopIteration
        return line

    def readline(self) -> str:
        line = self._text.readline(_MOST_LINE_CHARACTERS)
        if len(line) >= _MOST_LINE_CHARACTERS:
            self._is_over = True
            raise InvalidText(
                f"The line has more than {_MOST_LINE_CHARACTERS:,} characters, so this manifest is not read further.",
                hint="Shorten the line.",
            )
        return line

    def close(self) -> None:
        self._text.close()


class _Folder:
    """The folder that the paths of a manifest are relative to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[Path, dict[str, list[str]]] = {}

    def find(self, written: str) -> Path:
        """The file that is written as this: with backslashes, or with letters of another Unicode form or case, if there is no
        file of the very name."""
        literal = self._folder / written
        if os.path.lexists(literal):
            return literal
        path = self._folder
        for part in PurePosixPath(written.replace("\\", "/")).parts:
            step = path / part
            if not os.path.lexists(step):
                alike = self._list(path).get(compared(part), [])
                step = path / alike[0] if len(alike) == 1 else step
            path = step
        return path

    def _list(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listed:
            if len(self._listed) >= _MOST_LISTED_FOLDERS:
                self._listed.clear()
            names: dict[str, list[str]] = defaultdict(list)
            try:
                for one in folder.iterdir():
                    names[compared(one.name)].append(one.name)
            except (OSError, ValueError):
                names.clear()
            self._listed[folder] = names
        return self._listed[folder]


def _rows(lines: _Lines, records: Iterator[Record], top: Path, limits: Limits) -> Iterator[ManifestRow | ManifestError]:
    folder = _Folder(top)
    with closing(lines):
        for line, record in records:
            try:
                if isinstance(record, InvalidText):
                    raise record
                yield _row(line, record, folder, limits)
            except InputError as error:
                yield ManifestError(line, error)


def _row(line: int, record: Mapping[str, Any], folder: _Folder, limits: Limits) -> ManifestRow:
    _check_utf8(record)
    if is_of_exiftool(record):
        foreign = read_exiftool(record, is_joined=True)
        text, problems = read_leniently(foreign, limits)
        source = _reference({name.casefold(): value for name, value in record.items()}, (_SOURCE_FILE,))
        text, place = hide_coordinates(text, foreign.place)
        return ManifestRow(folder.find(source), None, text, line, place, foreign.dates, tuple(problems))
    path, url = _reference(record, _PATH_NAMES), _reference(record, _URL_NAMES)
    if bool(path) == bool(url):
        raise InvalidText(
            "The line has both a path and a URL." if path else "The line has neither a path nor a URL.",
            hint="Give either a path or a URL.",
        )
    text = text_of_record(record, limits)
    if not text.caption and (named := record.get(_CAPTION_NAME)):
        text = text.or_else(text_of_record({"caption": named}, limits))
    latitude, longitude = (_first(record, names) for names in (_LATITUDES, _LONGITUDES))
    place = place_of(read_latitude(latitude), read_longitude(longitude))
    # Before a sidecar completes the row: a location in words is then taken from there.
    text, place = hide_coordinates(text, place)
    return ManifestRow(folder.find(path) if path else None, url or None, text, line, place)


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _reference(record: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = next((record[name] for name in names if record.get(name)), "")
    if not isinstance(value, str) or "\0" in value:
        raise InvalidText(f"{names[0]} is not valid text.", hint="Write it as a string.")
    return value.strip()


def _check_utf8(record: Mapping[str, Any]) -> None:
    for value in record.values():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise InvalidText("The line is not UTF-8.", hint="Save the manifest as UTF-8.") from None


def _json_records(lines: _Lines) -> Iterator[Record]:
    for number in count(1):
        try:
            line = next(lines)
            if line.strip():
                yield number, parse_json_object(line)
        except StopIteration:
            return
        except InvalidText as error:
            yield number, error


def _csv_records(lines: _Lines) -> Iterator[Record]:
    number, head = 1, lines.readline()
    delimiter = None
    if told := _SEPARATOR_LINE.fullmatch(head):
        number, head, delimiter = 2, lines.readline(), told[1]
    delimiter = delimiter or max(_DELIMITERS, key=head.count)
    names = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
    if not set(names) & {*_PATH_NAMES, *_URL_NAMES}:
        raise InvalidText("The first line has no column `path` or `url`.", hint="Begin with a line of column names.")
    return _csv_body(lines, names, delimiter, number)


def _csv_body(lines: _Lines, names: list[str], delimiter: str, header_line: int) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        # A quoted value may span lines; a record is numbered by its first line.
        number = reader.line_num + header_line + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, InvalidText(f"The line is not valid CSV ({error}).", hint="Check its quotes.")
            continue
        except InvalidText as error:
            yield number, error
            return
        while len(values) > len(names) and not values[-1].strip():  # after a separator at the end of the line
            values.pop()
        if len(values) > len(names):
            yield number, InvalidText("The line has more values than the header.", hint="Quote values with commas.")
        elif any(value.strip() for value in values):
            yield number, dict(zip(names, values, strict=False))
