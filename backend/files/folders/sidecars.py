"""Sidecars, files with a picture's text beside it: JSON of our own, of Google Takeout, immich-go and exiftool, XMP, and text.

A sidecar is optional: what is understood in it is read, and the rest becomes a warning, never a reason to refuse the picture.
"""

import os
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from backend.documents import read_json
from backend.errors import FileTooLarge, InputError, InvalidText
from backend.files.folders.encodings import decode_text, doubt_encoding, marked_encoding
from backend.files.folders.folders import looks_like_picture
from backend.files.folders.foreign_records import (
    ForeignRecord,
    read_foreign,
    read_leniently,
)
from backend.files.folders.opening import read_regular
from backend.files.folders.pairing import compared, pair_sidecars
from backend.files.limits import Limits
from backend.files.metadata import JSON, hide_coordinates, read_xmp
from backend.files.text import (
    MediaText,
    clean_media_text,
    fit_media_text,
    make_storable,
    unwrap_lines,
)
from backend.moments import DateCandidate

_MAX_BYTES: Final = 1024 * 1024
_MOST_FOLDERS: Final = 64
_MOST_NAMED: Final = 3
_SIDECAR_FOR: Final = re.compile(r"SidecarForExtension\s*(?:=\s*[\"']|>)\s*(\w{2,5})\s*[\"'<]")
_XML_DECLARATION: Final = re.compile(r"\s*<\?xml\b[^>]*\?>")
_RDF: Final = b"http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(frozen=True, slots=True)
class FileWarning:
    """Something that is not right with a file although its picture is accepted.

    Attributes:
        path: the picture, or the sidecar of which something was not used.
        code: for a sidecar, that of the error that it would be elsewhere.
        detail: what is wrong with it, and what to do.
    """

    path: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The content of a picture's sidecars.

    Attributes:
        text: its text.
        place: its coordinates under the same names as in `exif`; empty if there are none.
        dates: the moments that programs wrote into them. One that a person gave is in `text`.
        albums: the albums that it is in.
        paths: the files that were read.
        warnings: what was not understood in them.
        is_whole: whether each of them could be read, apart from single values. One that several pictures could own was not read.
        names_only: whether all of its tags are names of people. These join the tags of the picture.
        is_trashed: whether the picture is in the bin of the library that wrote one of them.
    """

    text: MediaText = field(default_factory=MediaText)
    place: dict[str, JSON] = field(default_factory=dict)
    dates: tuple[DateCandidate, ...] = ()
    albums: tuple[str, ...] = ()
    paths: tuple[Path, ...] = field(default=(), compare=False)
    warnings: tuple[FileWarning, ...] = ()
    is_whole: bool = True
    names_only: bool = field(default=True, compare=False)
    is_trashed: bool = False

    def or_else(self, other: Self) -> Self:
        """Fill empty fields from `other`."""
        text = self.text.or_else(other.text)
        if self.names_only:
            text = text.joining(other.text)
        return type(self)(
            text,
            self.place or other.place,
            (*self.dates, *other.dates),
            tuple(dict.fromkeys((*self.albums, *other.albums))),
            (*self.paths, *other.paths),
            (*self.warnings, *other.warnings),
            self.is_whole and other.is_whole,
            self.names_only and other.names_only,
            self.is_trashed or other.is_trashed,
        )


class SidecarReader:
    """Reads the sidecars of pictures. A folder is listed once, so that each sidecar goes to one picture at most."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pairings: OrderedDict[Path, _Paired] = OrderedDict()

    def read(self, picture: Path) -> Sidecar:
        """Read and clean the sidecars of a picture; those that win come first, and others fill what they leave empty.

        A text file becomes the caption, or the story if it is too long for a caption. Coordinates never become the
        location, which is visible to everyone. Never raises because of a sidecar.
        """
        paired = self._paired(picture)
        sidecar = Sidecar()
        for name in paired.sidecars.get(picture.name, ()):
            sidecar = sidecar.or_else(self._read(picture.with_name(name), picture))
        disputed = tuple(
            _warning(
                picture.with_name(name),
                InvalidText(
                    f"It could belong to {_one_of(owners)}, and was given to none of them.",
                    hint=f"Name it after its picture, like {owners[0]}{Path(name).suffix.lower()}.",
                ),
            )
            for name, owners in paired.contested.get(picture.name, ())
        )
        is_whole = sidecar.is_whole and not disputed
        return replace(sidecar, warnings=(*sidecar.warnings, *disputed), is_whole=is_whole)

    def _paired(self, picture: Path) -> "_Paired":
        folder = picture.parent
        known = self._pairings.get(folder)
        if known is None:
            known = self._pairings[folder] = _pair(folder, picture.name)
            if len(self._pairings) > _MOST_FOLDERS:
                self._pairings.popitem(last=False)
        if picture.name not in known.sidecars and not looks_like_picture(picture):
            # Named by itself, whatever its name: the others of the folder have theirs.
            return _pair(folder, picture.name)
        return known

    def _read(self, path: Path, picture: Path) -> Sidecar:
        try:
            raw = _load(path)
            if path.suffix.lower() == ".xmp":
                found = _read_xmp(raw, path, self._limits)
            elif path.suffix.lower() == ".txt":
                text, problems = _plain_text(raw, self._limits)
                found = Sidecar(text, warnings=tuple(_warning(path, problem) for problem in problems))
            else:
                found = self._read_record(_record_of(raw, picture), path)
            # Before another sidecar completes it, which may have a location in words.
            text, place = hide_coordinates(found.text, found.place)
            return replace(found, text=text, place=place, paths=(path,))
        except InputError as error:
            return Sidecar(paths=(path,), warnings=(_warning(path, error),), is_whole=False)

    def _read_record(self, record: ForeignRecord, path: Path) -> Sidecar:
        text, problems = read_leniently(record, self._limits)
        albums = tuple(make_storable(album).strip() for album in record.albums)
        return Sidecar(
            text,
            record.place,
            record.dates,
            albums,
            warnings=tuple(_warning(path, problem) for problem in problems),
            names_only=record.names_only,
            is_trashed=record.is_trashed,
        )


def read_sidecar(picture: Path, limits: Limits) -> Sidecar:
    """Read the sidecars of one picture. See `SidecarReader.read`."""
    return SidecarReader(limits).read(picture)


@dataclass(frozen=True, slots=True)
class _Paired:
    """The sidecars of the pictures of a folder, and those that several could own with all of these; both by picture."""

    sidecars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contested: Mapping[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)


def _pair(folder: Path, picture: str) -> _Paired:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _is_file(entry) and not entry.name.startswith(".")]
    except OSError:
        return _Paired()
    pictures = {name for name in names if looks_like_picture(Path(name))} | {picture}
    others = [name for name in names if name not in pictures]
    pairing = pair_sidecars(pictures, others, lambda name: _name_inside(folder / name))
    contested: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for sidecar, owners in pairing.contested.items():
        for owner in owners:
            contested.setdefault(owner, []).append((sidecar, owners))
    return _Paired(pairing.sidecars, contested)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself must not cost the others of the folder
        return False


def _name_inside(path: Path) -> str | None:
    """The file name that a sidecar says it belongs to, if it does."""
    try:
        if path.suffix.lower() == ".xmp":
            found = _SIDECAR_FOR.search(decode_text(_load(path)))
            return f"{path.stem}.{found[1]}" if found else None
        if path.suffix.lower() == ".json":
            records = _records_of(_load(path))
            return read_foreign(records[0]).file_name if len(records) == 1 else None
    except InputError:
        pass  # it is read again, and then it is a warning
    return None


def _load(path: Path) -> bytes:
    try:
        return read_regular(path, _MAX_BYTES)
    except FileTooLarge:
        raise InvalidText("It is larger than 1 MiB.", hint="Shorten it.") from None


def _plain_text(raw: bytes, limits: Limits) -> tuple[MediaText, list[InvalidText]]:
    words = unwrap_lines(decode_text(raw))
    doubt = doubt_encoding(raw)
    try:
        text = clean_media_text(MediaText(story=words), limits)
        problems = []
    except InvalidText as error:
        text = fit_media_text(MediaText(story=words), limits)
        problems = [error]
    if doubt:
        problems.append(InvalidText(doubt, hint="Save it as UTF-8."))
    if len(text.story) > limits.max_caption_characters:
        return text, problems
    return MediaText(caption=text.story), problems


def _read_xmp(raw: bytes, path: Path, limits: Limits) -> Sidecar:
    text = decode_text(raw)
    if marked_encoding(raw) is None and text.encode("utf-8", "replace") != raw:
        packet = raw  # in the encoding that it declares, or with single bytes that the reader mends
    else:
        packet = _XML_DECLARATION.sub("", text.lstrip("\ufeff"), count=1).strip().encode("utf-8", "replace")
    if _RDF not in packet:
        raise InvalidText("It is not XMP.", hint="Write it again with the program it is from.")
    said = read_xmp(packet, limits)
    warnings = tuple(FileWarning(str(path), InvalidText.code, warning) for warning in said.warnings)
    is_left_out = said.text.is_empty and not said.exif and not said.dates
    is_whole = not (warnings and is_left_out)
    return Sidecar(said.text, said.exif, said.dates, warnings=warnings, is_whole=is_whole, names_only=said.names_only)


def _record_of(raw: bytes, picture: Path) -> ForeignRecord:
    """The record about a picture in a JSON file: the only one, or the one of a list that names the picture."""
    records = _records_of(raw)
    if len(records) == 1:
        return read_foreign(records[0])
    for record in map(read_foreign, records):
        if record.file_name is not None and compared(record.file_name) == compared(picture.name):
            return record
    raise InvalidText(f"None of its {len(records)} records names {picture.name}.", hint="Import it as a manifest.")


def _records_of(raw: bytes) -> list[dict[str, Any]]:
    try:
        value = read_json(decode_text(raw).lstrip("\ufeff"))
    except ValueError as error:
        raise InvalidText(f"It is not valid JSON ({error}).", hint="Check quotes and commas.") from None
    records = value if isinstance(value, list) else [value]
    if not records or not all(isinstance(record, dict) for record in records):
        raise InvalidText("It is JSON, but not an object.", hint='Write {"title": ..., "caption": ...}.')
    return records


def _one_of(names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMED:
        return " or ".join(names)
    return f"{', '.join(names[:_MOST_NAMED])} or {len(names) - _MOST_NAMED} others"


def _warning(path: Path, error: InputError) -> FileWarning:
    return FileWarning(str(path), error.code, str(error))
