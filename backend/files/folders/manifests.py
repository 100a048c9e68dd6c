"""Manifests: lists of pictures with their text, as .csv (comma, semicolon or tab) or .jsonl."""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from backend.errors import FileUnreadable, InputError, InvalidText
from backend.files.limits import Limits
from backend.files.text import WORDS, MediaText, parse_json_object, text_of_record, unwrap_lines

_PATH_NAMES: Final = ("path", "file", "filename", "image")
_URL_NAMES: Final = ("url", "image_url")
_DELIMITERS: Final = ",;\t"
_LONG_NAMES: Final = frozenset(
    called for name, words in WORDS.items() if words.has_lines for called in (name, *words.also_called)
)


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One picture to import. Exactly one of `path` and `url` is set.

    Attributes:
        path: the file; relative paths are resolved against the manifest's folder.
        url: the address.
        text: its cleaned text.
        line: line in the manifest, from 1.
    """

    path: Path | None
    url: str | None
    text: MediaText
    line: int


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

    Columns or keys: path (file, filename, image) or url (image_url), and those of `RECORD_NAMES`.
    Others are ignored, empty lines skipped.

    Raises (at the call, not at the first row):
        FileUnreadable: the manifest cannot be opened, or is neither .csv nor .jsonl.
        InvalidText: a CSV file has no column for the picture.
    """
    readers: dict[str, Callable[[TextIO], Iterator[Record]]] = {
        ".csv": _csv_records, ".tsv": _csv_records, ".jsonl": _json_records, ".ndjson": _json_records,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FileUnreadable(f"{path} is neither .csv nor .jsonl.", hint="Rename or convert the manifest.")
    try:
        # Bytes that are not UTF-8 become surrogates, so that only their own line fails.
        lines = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
        records = reader(lines)
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be opened ({error.strerror}).", hint="Check the path.") from None
    except InvalidText as error:
        lines.close()
        raise InvalidText(f"{path}: {error.detail}", hint=error.hint) from None
    return _rows(lines, records, path.parent, limits)


def _rows(
    lines: TextIO, records: Iterator[Record], folder: Path, limits: Limits
) -> Iterator[ManifestRow | ManifestError]:
    with lines:
        for line, record in records:
            try:
                if isinstance(record, InvalidText):
                    raise record
                yield _row(line, record, folder, limits)
            except InputError as error:
                yield ManifestError(line, error)


def _row(line: int, record: Mapping[str, Any], folder: Path, limits: Limits) -> ManifestRow:
    _check_utf8(record)
    path, url = _place(record, _PATH_NAMES), _place(record, _URL_NAMES)
    if bool(path) == bool(url):
        raise InvalidText(
            "The line has both a path and a URL." if path else "The line has neither a path nor a URL.",
            hint="Give either a path or a URL.",
        )
    text = text_of_record(record, limits)
    return ManifestRow(path=folder / path if path else None, url=url or None, text=text, line=line)


def _place(record: Mapping[str, Any], names: tuple[str, ...]) -> str:
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


def _json_records(lines: TextIO) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, parse_json_object(line)
        except InvalidText as error:
            yield number, error


def _csv_records(lines: TextIO) -> Iterator[Record]:
    head = lines.readline()
    delimiter = max(_DELIMITERS, key=head.count)
    names = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
    if not set(names) & {*_PATH_NAMES, *_URL_NAMES}:
        raise InvalidText("The first line has no column `path` or `url`.", hint="Begin with a line of column names.")
    return _csv_body(lines, names, delimiter)


def _csv_body(lines: TextIO, names: list[str], delimiter: str) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        # A quoted value may span lines; a record is numbered by its first line. The header was line 1.
        number = reader.line_num + 2
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, InvalidText(f"The line is not valid CSV ({error}).", hint="Check its quotes.")
            continue
        if len(values) > len(names):
            yield number, InvalidText("The line has more values than the header.", hint="Quote values with commas.")
        elif any(value.strip() for value in values):
            record = dict(zip(names, values, strict=False))
            # Programs wrap long cells; an empty line ends a paragraph.
            yield number, record | {name: unwrap_lines(record[name]) for name in _LONG_NAMES & record.keys()}
