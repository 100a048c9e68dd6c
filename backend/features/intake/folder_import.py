"""Import of folders, files, manifests and URLs. Every picture is reported as new, duplicate or failed, with the reason."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.doorbell import Work
from backend.errors import FileTooLarge, FileUnreadable, InputError
from backend.features.intake.intake import Accepted, accept_picture, accept_url
from backend.features.services import Services
from backend.files.folders import (
    Exclusions,
    FileWarning,
    ManifestError,
    SidecarReader,
    Tally,
    read_manifest,
    walk_pictures,
)
from backend.files.metadata import JSON
from backend.files.text import MediaText
from backend.moments import DateCandidate
from backend.store.media import MediaOutcome, list_outcomes
from backend.store.schema import MediaStatus
from backend.store.spaces import count_waiting_words

MANIFEST_SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson"}
_RING_EVERY = 16
_RECENT_WARNINGS = 64
_URL_PREFIXES = ("http://", "https://")


@dataclass(frozen=True)
class ImportItem:
    """One picture to import: a file or a URL, with words and a place that win over those of sidecars; or a line that says
    neither. `folder` is the name of the one that it is in, below its source."""

    name: str
    path: Path | None = None
    url: str | None = None
    text: MediaText = field(default_factory=MediaText)
    place: Mapping[str, JSON] = field(default_factory=dict)
    dates: tuple[DateCandidate, ...] = ()
    warnings: tuple[FileWarning, ...] = ()
    folder: str = ""
    error: InputError | None = None


@dataclass(frozen=True)
class ImportFailure:
    """A picture that was refused."""

    path: str
    code: str
    detail: str


@dataclass(frozen=True)
class Completion:
    """A picture that was here before, and the fields that were empty and that this copy has filled."""

    id: uuid.UUID
    path: str
    fields: tuple[str, ...]


@dataclass
class ImportReport:
    """Result of an import, by picture.

    Attributes:
        new: the names of new pictures, by id.
        duplicates: the ids of pictures that were stored before, by name.
        completed: duplicates that filled fields which were empty.
        failed: pictures that were refused or failed.
        warnings: parts of sidecars that could not be read. Their pictures are imported.
        left_out: files and folders that were not imported.
    """

    new: dict[uuid.UUID, str] = field(default_factory=dict)
    duplicates: dict[str, uuid.UUID] = field(default_factory=dict)
    completed: list[Completion] = field(default_factory=list)
    failed: list[ImportFailure] = field(default_factory=list)
    warnings: list[FileWarning] = field(default_factory=list)
    left_out: Tally = field(default_factory=Tally)

    @property
    def skipped(self) -> int:
        """How many visible files were left out because they are not pictures."""
        return sum(count for kind, count in self.left_out.counts.items() if kind.is_of_visible_files)

    @property
    def media_ids(self) -> list[uuid.UUID]:
        """Ids of all pictures that should become ready. That includes duplicates, which an interrupted import may have left unfinished."""
        return [*self.new, *set(self.duplicates.values()) - self.new.keys()]

    def forget(self, media_id: uuid.UUID) -> list[str]:
        """Remove the entries of a picture. Returns the names that it was imported under."""
        names = [name for name, known in self.duplicates.items() if known == media_id]
        self.duplicates = {name: known for name, known in self.duplicates.items() if known != media_id}
        return ([self.new.pop(media_id)] if media_id in self.new else []) + names


def list_items(
    services: Services, sources: Sequence[str], *, exclude: Sequence[str] = ()
) -> tuple[list[ImportItem], Tally]:
    """List what the sources contain (folders, pictures, manifests, URLs), and what was left out in folders.

    Raises:
        FileUnreadable: a source does not exist or cannot be opened. (A subfolder that cannot be opened is an item with its error.)
    """
    items: list[ImportItem] = []
    left_out = Tally()
    exclusions = Exclusions(exclude)
    for source in sources:
        if source.startswith(_URL_PREFIXES):
            items.append(ImportItem(source, url=source))
        elif Path(source).suffix.lower() in MANIFEST_SUFFIXES:
            items.extend(_from_manifest(services, Path(source)))
        else:
            unreadable: list[FileUnreadable] = []
            found = walk_pictures(
                [Path(source).expanduser()],
                exclusions=exclusions,
                on_left_out=left_out.add,
                on_unreadable=unreadable.append,
            )
            top = Path(source).expanduser()
            items.extend(ImportItem(str(path), path=path, folder=folder_of(path, top)) for path in found)
            items.extend(ImportItem(error.context["path"], error=error) for error in unreadable)
    return items, left_out


def import_items(services: Services, items: Iterable[ImportItem], report: ImportReport) -> Iterator[ImportItem]:
    """Import the items in order, and record each result in `report`. Yields each item when it is done."""
    sidecars = SidecarReader(services.limits)
    used: set[Path] = set()
    for position, item in enumerate(items):
        try:
            accepted = _accept(services, item, sidecars, report, used)
        except InputError as error:
            report.failed.append(ImportFailure(item.name, error.code, str(error)))
        else:
            if accepted.duplicate:
                report.duplicates[item.name] = accepted.media_id
                if accepted.completed:
                    report.completed.append(Completion(accepted.media_id, item.name, accepted.completed))
            else:
                report.new[accepted.media_id] = item.name
            report.warnings += [FileWarning(item.name, one.code, one.detail) for one in accepted.warnings]
        # A ring wakes the workers while the import goes on; one for every picture would only cost time.
        if position % _RING_EVERY == 0:
            services.doorbell.ring(Work.EMBED)
        yield item
    report.left_out.settle(used)
    services.doorbell.ring(Work.EMBED)


def count_settled(services: Services, report: ImportReport) -> int:
    """How many of the report's media are through, one way or another. Those that brought words are when these are embedded."""
    settled = sum(outcome.is_settled for outcome in _outcomes(services, report.media_ids))
    renewed = list({one.id for one in report.completed})
    with services.database.transaction() as session:
        return max(settled - (count_waiting_words(session, renewed) if renewed else 0), 0)


def settle(services: Services, report: ImportReport) -> None:
    """Update the report: pictures may have failed, or turned out to be duplicates, after their import. A duplicate of a failed picture
    counts as failed."""
    for outcome in _outcomes(services, report.media_ids):
        if outcome.status is MediaStatus.FAILED:
            for name in report.forget(outcome.media_id):
                report.failed.append(ImportFailure(name, outcome.error_code or "", outcome.error_detail or ""))
        elif outcome.duplicate_of is not None:
            for name in report.forget(outcome.media_id):
                report.duplicates[name] = outcome.duplicate_of


def _outcomes(services: Services, media_ids: list[uuid.UUID]) -> list[MediaOutcome]:
    with services.database.transaction() as session:
        return list_outcomes(session, media_ids)


def _from_manifest(services: Services, manifest: Path) -> Iterator[ImportItem]:
    for row in read_manifest(manifest, services.limits):
        name = f"{manifest}:{row.line}"
        if isinstance(row, ManifestError):
            yield ImportItem(name, error=row.error)
        else:
            folder = folder_of(row.path, manifest.parent) if row.path is not None else ""
            yield ImportItem(
                str(row.path or row.url),
                path=row.path,
                url=row.url,
                text=row.text,
                place=row.place,
                dates=row.dates,
                warnings=tuple(FileWarning(name, warning.code, str(warning)) for warning in row.warnings),
                folder=folder,
            )


def folder_of(path: Path, top: Path) -> str:
    """The folder that a picture is in, below its source; the name of the source itself for one right in it."""
    folder = path.parent
    try:
        inner = folder.relative_to(top).as_posix()
    except ValueError:
        inner = "."
    return folder.resolve().name if inner == "." else inner


def _accept(
    services: Services, item: ImportItem, sidecars: SidecarReader, report: ImportReport, used: set[Path]
) -> Accepted:
    if item.error is not None:
        raise item.error
    if item.url is not None:
        return accept_url(services, item.url, item.text)
    assert item.path is not None
    sidecar = sidecars.read(item.path)
    used.update(sidecar.paths)
    # Edited copies share the sidecar of their original, and those that dispute one are told the same.
    warnings = (*item.warnings, *sidecar.warnings)
    report.warnings += [warning for warning in warnings if warning not in report.warnings[-_RECENT_WARNINGS:]]
    return accept_picture(
        services,
        read_file(item.path, services.limits.max_body_bytes),
        item.text,
        source="import",
        source_uri=str(item.path.resolve()),
        place=item.place,
        dates=item.dates,
        sidecar=sidecar,
        folders=[folder for folder in (item.folder, *sidecar.albums) if folder],
        ring=False,
    )


def read_file(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a picture file. Raises FileTooLarge, FileUnreadable."""
    try:
        if path.stat().st_size > max_bytes:
            raise FileTooLarge(f"{path} has {path.stat().st_size:,} bytes; {max_bytes:,} are allowed.")
        return path.read_bytes()
    except OSError as error:
        raise FileUnreadable(
            f"{path} cannot be read: {error.strerror}.", hint="Check that it is there and its permissions."
        ) from error
