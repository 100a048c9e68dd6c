"""Export of words and groups as XMP sidecars, for Lightroom, digiKam, darktable and other programs."""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path, PurePath, PurePosixPath
from typing import ClassVar, Final

from backend.errors import Conflict, FileUnreadable, MediaclusterError, PathForbidden
from backend.files.folders import RAW_SUFFIXES, FileWarning, SidecarOutcome, standing_of, write_sidecar
from backend.files.metadata import says_anything, write_xmp
from backend.files.text import MOST_FILE_NAME_BYTES, fit_file_name
from backend.store.engine import Database, Session, begin_snapshot
from backend.store.media import (
    DescribedPicture,
    count_described,
    find_common_folder,
    find_media,
    iterate_described,
)
from backend.store.spaces import get_active_space

_SUFFIX: Final = ".xmp"
# A raw format that holds XMP itself, so that Lightroom reads no sidecar of it.
_RAW_WITH_XMP: Final = ".dng"
_DIGEST_DIGITS: Final = 8
_CHUNK_BYTES: Final = 1024 * 1024


class SidecarNames(StrEnum):
    """How sidecars are named after their pictures."""

    FULL = "full"
    """`A.jpg.xmp`, as digiKam and darktable read it."""
    STEM = "stem"
    """`A.xmp` for raw pictures, as Lightroom reads it; `A.jpg.xmp` for others, of which it reads none."""


@dataclass
class SidecarsReport:
    """Result of an export of sidecars.

    Attributes:
        media: pictures that were looked at.
        written: new sidecars.
        updated: sidecars of an earlier export that said something else.
        unchanged: those that said the same.
        empty: pictures of which nothing is known that a sidecar could say.
        foreign: sidecars that another program wrote or changed. They were left as they are.
        renamed: new or known sidecars, counted above too, that got a name of their own because two pictures have the same path.
        unknown_place: pictures that are not where they were imported from, or came by an upload. Only beside originals.
        failed: sidecars that could not be written.
        place: the folder that they were written to; '' if beside the originals.
        starts_at: the folder of the pictures that `place` stands for; '' if none of them has a path.
        dry_run: whether nothing was written.
        warnings: the first 100 of what was left or failed, by path.
    """

    MOST_WARNINGS: ClassVar[int] = 100

    media: int = 0
    written: int = 0
    updated: int = 0
    unchanged: int = 0
    empty: int = 0
    foreign: int = 0
    renamed: int = 0
    unknown_place: int = 0
    failed: int = 0
    place: str = ""
    starts_at: str = ""
    dry_run: bool = False
    warnings: list[FileWarning] = field(default_factory=list)

    def warn(self, path: PurePath | str, error: MediaclusterError) -> None:
        """Add a warning, if there are not too many yet."""
        if len(self.warnings) < self.MOST_WARNINGS:
            self.warnings.append(FileWarning(str(path), error.code, str(error)))


def export_sidecars(
    database: Database,
    folder: Path | None,
    *,
    zone: tzinfo,
    names: SidecarNames = SidecarNames.FULL,
    group_as_keyword: bool = False,
    clusters: Sequence[int] = (),
    keywords: Sequence[str] = (),
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> SidecarsReport:
    """Write a sidecar for each ready picture of one snapshot, below `folder` or, without one, beside the originals.

    Below `folder`, the folders of the pictures are made again, from the one that all of them are in. Each file appears
    whole. One that another program wrote or changed is left as it is, and counted. Pictures are read in batches.

    Raises:
        FileUnreadable: `folder` cannot be made or is not a folder.
        NotFound: the library has no space.
        StorageFull: the disk is full. What was written stays.

    """
    if folder is not None and not dry_run:
        _make_folder(folder)
    report = SidecarsReport(place=str(folder) if folder is not None else "", dry_run=dry_run)
    with database.transaction() as session:
        begin_snapshot(session)
        space = get_active_space(session)
        total = count_described(session, space.id, clusters, keywords)
        export = _Export(session, report, folder, names, find_common_folder(session))
        for picture in iterate_described(session, space.id, clusters, keywords):
            packet = write_xmp(
                picture.text,
                str(picture.id),
                group=picture.label,
                group_as_keyword=group_as_keyword,
                standing=standing_of(picture.text.taken_at_source),
                zone=zone,
            )
            export.write(picture, packet)
            report.media += 1
            on_progress(report.media, total)
    return report


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnreadable(f"{folder} cannot be made ({error.strerror}).", hint="Choose another folder.") from error


class _Export:
    """Chooses where sidecars go, and counts the results."""

    def __init__(
        self, session: Session, report: SidecarsReport, folder: Path | None, names: SidecarNames, common: str | None
    ) -> None:
        self._session = session
        self._report = report
        self._folder = folder
        self._names = names
        self._common = common
        if folder is not None:
            report.starts_at = common or ""

    def write(self, picture: DescribedPicture, packet: bytes) -> None:
        path = _path_of(picture)
        try:
            outcome = (
                self._beside(picture, path, packet) if self._folder is None else self._below(picture, path, packet)
            )
        except (FileUnreadable, PathForbidden) as error:
            self._report.failed += 1
            self._report.warn(path or picture.source_uri or str(picture.id), error)
            return
        counted = {SidecarOutcome.NOT_NEEDED: "empty", SidecarOutcome.OF_ANOTHER: "foreign"}
        if outcome is not None:
            name = counted.get(outcome, str(outcome))
            setattr(self._report, name, getattr(self._report, name) + 1)

    def _beside(self, picture: DescribedPicture, path: PurePosixPath | None, packet: bytes) -> SidecarOutcome | None:
        if path is None or (problem := _is_elsewhere(picture, Path(path))):
            self._report.unknown_place += 1
            if path is not None:
                self._report.warn(path, Conflict(problem, hint="Import it again from where it is now."))
            return None
        name = self._name(path.name)
        outcome = self._put(Path("/"), path.parts[1:-1], name, packet, make_folders=False)
        if outcome is SidecarOutcome.OF_ANOTHER and _has_digest(Path(path), picture.sha256):
            # The other picture was there before, under the same name.
            outcome = self._put(Path("/"), path.parts[1:-1], name, packet, make_folders=False, replace_another=True)
        self._tell(outcome, path.with_name(name))
        return outcome

    def _below(self, picture: DescribedPicture, path: PurePosixPath | None, packet: bytes) -> SidecarOutcome:
        assert self._folder is not None
        folders, own_name = self._mirrored(picture, path)
        outcome = SidecarOutcome.OF_ANOTHER
        for attempt, name in enumerate(_names_for(own_name, picture)):
            written = self._name(name)
            outcome = self._put(self._folder, folders, written, packet, make_folders=True)
            if outcome is not SidecarOutcome.OF_ANOTHER:
                break
            if attempt == 0:
                self._report.renamed += 1
                self._report.warn(
                    self._folder.joinpath(*folders, written),
                    Conflict(
                        "Another picture of the library has the same path.",
                        hint="The id or digest of this one is in the name of its sidecar.",
                    ),
                )
        self._tell(outcome, self._folder.joinpath(*folders, written))
        return outcome

    def _put(
        self,
        top: Path,
        folders: Sequence[str],
        name: str,
        packet: bytes,
        *,
        make_folders: bool,
        replace_another: bool = False,
    ) -> SidecarOutcome:
        return write_sidecar(
            top,
            folders,
            name,
            packet,
            make_folders=make_folders,
            is_needed=says_anything(packet),
            may_replace=lambda other: replace_another or self._is_gone(other),
            dry_run=self._report.dry_run,
        )

    def _is_gone(self, picture_id: str) -> bool:
        """Whether a picture that a sidecar was written for is no longer in the library."""
        return find_media(self._session, uuid.UUID(picture_id)) is None

    def _tell(self, outcome: SidecarOutcome, path: PurePath) -> None:
        if outcome is SidecarOutcome.FOREIGN:
            self._report.warn(
                path,
                Conflict(
                    "Another program wrote or changed this sidecar, so it was left as it is.",
                    hint="Export to another folder, and merge the two with exiftool.",
                ),
            )
        elif outcome is SidecarOutcome.OF_ANOTHER:
            self._report.warn(path, Conflict("It was written for another picture, so it was left as it is."))

    def _name(self, name: str) -> str:
        picture = PurePosixPath(name)
        suffix = picture.suffix.lower()
        is_stem = self._names is SidecarNames.STEM and suffix in RAW_SUFFIXES and suffix != _RAW_WITH_XMP
        return (picture.stem if is_stem else name) + _SUFFIX

    def _mirrored(self, picture: DescribedPicture, path: PurePosixPath | None) -> tuple[list[str], str]:
        """The folders below the common one, and the name of the picture."""
        if path is not None and self._common is not None and path.is_relative_to(self._common):
            parts = path.relative_to(self._common).parts
            return [_fitted(part) for part in parts[:-1]], _fitted(parts[-1])
        name = picture.file_name or (picture.sha256.hex() if picture.sha256 else str(picture.id))
        folders = picture.folders[0].split("/") if picture.folders else []
        return [_fitted(part) for part in folders if part], _fitted(name)


def _path_of(picture: DescribedPicture) -> PurePosixPath | None:
    """The file that a picture was imported from."""
    uri = picture.source_uri or ""
    return PurePosixPath(uri) if uri.startswith("/") and "\0" not in uri and ".." not in uri.split("/") else None


def _is_elsewhere(picture: DescribedPicture, path: Path) -> str:
    """Why the file at a path is not the picture that was imported from it; '' if it seems to be."""
    try:
        status = path.stat(follow_symlinks=False)
    except (OSError, ValueError):
        return "The picture is no longer there."
    if picture.byte_size is not None and status.st_size != picture.byte_size:
        return "The picture there has changed since it was imported."
    return ""


def _has_digest(path: Path, sha256: bytes | None) -> bool:
    if sha256 is None:
        return False
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return False
    return digest.digest() == sha256


def _names_for(name: str, picture: DescribedPicture) -> Iterator[str]:
    """Names for the picture of a sidecar: its own, and others in case that two pictures have the same."""
    yield name
    own = PurePosixPath(name)
    if picture.sha256 is not None:
        yield _fitted(f"{own.stem}-{picture.sha256.hex()[:_DIGEST_DIGITS]}{own.suffix}")
    yield _fitted(f"{own.stem}-{picture.id}{own.suffix}")


def _fitted(name: str) -> str:
    """A name that one file can have, with the suffix of a sidecar behind it."""
    return fit_file_name(name, most_bytes=MOST_FILE_NAME_BYTES - len(_SUFFIX))
