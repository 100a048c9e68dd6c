"""Import of folders, files, manifests and URLs. Every picture is reported as new, duplicate or failed, with the reason."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.doorbell import Work
from backend.errors import FileUnreadable, InputError, InvalidText
from backend.features.intake.intake import Accepted, accept_picture, accept_url
from backend.features.services import Services
from backend.files.folders import (
    Exclusions,
    FileWarning,
    Kind,
    LeftOut,
    ManifestError,
    SidecarReader,
    Tally,
    read_manifest,
    read_regular,
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
_MOST_LISTED_LINES = 1000  # of one manifest: a file that is none has many
_URL_PREFIXES = ("http://", "https://")


@dataclass(frozen=True)
class ImportItem:
    """One picture to import, or the error of a manifest line or folder that could not be read.

    Attributes:
        name: what reports call it: a path, a URL, or MANIFEST:LINE.
        path: its file, unless it has a URL.
        url: its address.
        text: text that takes precedence over that of sidecars.
        place: coordinates, by their names in `exif`, which take precedence over those of sidecars.
        dates: candidates for when it was taken.
        warnings: parts of the manifest line that could not be read.
        folder: its folder, as `folder_of` names it.
        error: why there is no picture to import.
    """

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
    """A stored picture, and the empty fields that this copy of it filled."""

    id: uuid.UUID
    path: str
    fields: tuple[str, ...]


@dataclass
class ImportReport:
    """Result of an import, by picture.

    Attributes:
        new: names of new pictures, by id.
        duplicates: ids of pictures that were already stored, by name.
        completed: duplicates that filled empty fields.
        failed: pictures that were refused, or that failed later.
        warnings: defects of files, and parts of sidecars that could not be read. Their pictures are imported.
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
        """Number of visible files that are not pictures."""
        return sum(count for kind, count in self.left_out.counts.items() if kind.is_of_visible_files)

    @property
    def media_ids(self) -> list[uuid.UUID]:
        """Ids of all pictures to wait for. An interrupted import may have left duplicates unfinished, so these are included."""
        return [*self.new, *set(self.duplicates.values()) - self.new.keys()]

    def forget(self, media_id: uuid.UUID) -> list[str]:
        """Remove a picture from `new` and `duplicates`. Returns the names that it had there."""
        names = [name for name, known in self.duplicates.items() if known == media_id]
        self.duplicates = {name: known for name, known in self.duplicates.items() if known != media_id}
        return ([self.new.pop(media_id)] if media_id in self.new else []) + names


def list_items(
    services: Services, sources: Sequence[str], *, exclude: Sequence[str] = ()
) -> tuple[list[ImportItem], Tally]:
    """List the pictures of the sources (folders, files, manifests, URLs), and count what folders contain besides.

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
    """Import items in order and record the results in `report`. Yields each item after its import.

    Raises:
        StorageFull, BackendUnavailable: see `accept_picture`. The items before are imported.
    """
    sidecars = SidecarReader(services.limits)
    used: set[Path] = set()
    for position, item in enumerate(items):
        try:
            accepted = _accept(services, item, sidecars, report, used)
        except InputError as error:
            report.failed.append(ImportFailure(item.name, error.code, str(error)))
            accepted = None
        if accepted is not None:
            if accepted.duplicate:
                report.duplicates[item.name] = accepted.media_id
                if accepted.completed:
                    report.completed.append(Completion(accepted.media_id, item.name, accepted.completed))
            else:
                report.new[accepted.media_id] = item.name
            report.warnings += [FileWarning(item.name, one.code, one.detail) for one in accepted.warnings]
        # Wakes the workers during the import. A ring for every picture would only cost time.
        if position % _RING_EVERY == 0:
            services.doorbell.ring(Work.EMBED)
        yield item
    report.left_out.settle(used)
    services.doorbell.ring(Work.EMBED)


def count_settled(services: Services, report: ImportReport) -> int:
    """Number of the report's pictures that are ready, failed or duplicates, and whose new text is embedded."""
    settled = sum(outcome.is_settled for outcome in _outcomes(services, report.media_ids))
    renewed = list({one.id for one in report.completed})
    with services.database.transaction() as session:
        return max(settled - (count_waiting_words(session, renewed) if renewed else 0), 0)


def settle(services: Services, report: ImportReport) -> None:
    """Move pictures that failed, or turned out to be duplicates, after their import to those parts of the report, and add the
    warnings on files that were fetched.

    A duplicate of a failed picture counts as failed.
    """
    for outcome in _outcomes(services, report.media_ids):
        if outcome.status is MediaStatus.FAILED:
            for name in report.forget(outcome.media_id):
                report.failed.append(ImportFailure(name, outcome.error_code or "", outcome.error_detail or ""))
        elif outcome.duplicate_of is not None:
            for name in report.forget(outcome.media_id):
                report.duplicates[name] = outcome.duplicate_of
        elif (name := report.new.get(outcome.media_id, "")).startswith(_URL_PREFIXES):
            # Those of files were known when they were accepted.
            found = (FileWarning(name, **warning) for warning in outcome.warnings)
            report.warnings += [warning for warning in found if warning not in report.warnings]


def _outcomes(services: Services, media_ids: list[uuid.UUID]) -> list[MediaOutcome]:
    with services.database.transaction() as session:
        return list_outcomes(session, media_ids)


def _from_manifest(services: Services, manifest: Path) -> Iterator[ImportItem]:
    unusable = 0
    for row in read_manifest(manifest, services.limits):
        name = f"{manifest}:{row.line}"
        if isinstance(row, ManifestError):
            unusable += 1
            if unusable <= _MOST_LISTED_LINES:
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
    if (unlisted := unusable - _MOST_LISTED_LINES) > 0:
        error = InvalidText(f"{unlisted:,} more lines cannot be used.", hint="Check that this is a manifest.")
        yield ImportItem(str(manifest), error=error)


def folder_of(path: Path, top: Path) -> str:
    """The folder of a picture, relative to its source `top`. If the picture is directly in the source, the source's name."""
    folder = path.parent
    try:
        inner = folder.relative_to(top).as_posix()
    except ValueError:
        inner = "."
    return folder.resolve().name if inner == "." else inner


def _accept(
    services: Services, item: ImportItem, sidecars: SidecarReader, report: ImportReport, used: set[Path]
) -> Accepted | None:
    """Import one item; None if it is left out, as is one that its library has in the bin."""
    if item.error is not None:
        raise item.error
    if item.url is not None:
        return accept_url(services, item.url, item.text, place=item.place)
    assert item.path is not None
    sidecar = sidecars.read(item.path)
    used.update(sidecar.paths)
    if sidecar.is_trashed:
        report.left_out.add(LeftOut(item.path, Kind.TRASHED))
        return None
    # Several pictures may share a sidecar, whose warnings are reported once.
    warnings = (*item.warnings, *sidecar.warnings)
    report.warnings += [warning for warning in warnings if warning not in report.warnings[-_RECENT_WARNINGS:]]
    return accept_picture(
        services,
        read_regular(item.path, services.limits.max_body_bytes),
        item.text,
        source="import",
        source_uri=str(item.path.resolve()),
        file_name=item.path.name,
        place=item.place,
        dates=item.dates,
        sidecar=sidecar,
        folders=[folder for folder in (item.folder, *sidecar.albums) if folder],
        ring=False,
    )
