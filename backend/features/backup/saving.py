"""Backup of a library: a dump of the database, then the originals that it refers to."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from backend.errors import OriginalMissing
from backend.features.backup.archives import SCRATCH, FolderTarget, Target, open_target
from backend.features.backup.manifest import SUMS, Manifest, Sum, sha256_of
from backend.features.backup.tools import find_tool, run_tool
from backend.files.storage import Storage, possible_keys
from backend.store.engine import Database
from backend.store.integrity import Snapshot, is_given_up, list_originals, open_snapshot
from backend.store.media import find_media_by_sha256

_SHOWN = 1000


@dataclass
class BackupReport:
    """Result of a backup.

    Attributes:
        place: the folder or file.
        rows: number of rows by table.
        copied: number of files copied.
        kept: number of files that the target already had.
        bytes: size of the copied files.
        deleted: number of pictures deleted while the backup ran.
        pruned: number of files removed from the target.
        missing: originals that are missing, except those marked as lost.
        damaged: originals whose checksum does not match. They are not in the backup.
    """

    place: str
    rows: dict[str, int] = field(default_factory=dict)
    copied: int = 0
    kept: int = 0
    bytes: int = 0
    deleted: int = 0
    pruned: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not (self.missing or self.damaged)


def back_up(
    database: Database,
    storage: Storage,
    path: Path,
    *,
    thumbnails: bool = False,
    prune: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> BackupReport:
    """Back up everything to `path`, a folder or a .tar file, consistently even if the library is in use.

    The dump and the list of originals share one snapshot. Originals never change, so they are copied afterwards. `prune` removes
    originals from the folder that no row refers to any more.

    Raises:
        ConfigurationError: no suitable pg_dump is installed, or there is no library.
        FileUnreadable, StorageFull, BackendUnavailable: reading or writing failed. An older backup there stays valid.
    """
    report = BackupReport(str(path))
    with open_target(path) as target, tempfile.TemporaryDirectory(prefix=SCRATCH, dir=_same_disk(target)) as scratch:
        folder = Path(scratch)
        dump, wanted = folder / "dump", folder / "originals"
        snapshot = _dump(database, dump, wanted)
        report.rows = snapshot.rows
        # Named after the run: until the manifest is replaced, the files of the previous run are the backup.
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        name, sums_name = f"database-{run}.dump", f"{SUMS}-{run}"
        dump_sum = Sum(name, sha256_of(dump))
        target.put_file(name, dump)
        sums = folder / "sums"
        with sums.open("w", encoding="utf-8") as lines:
            lines.write(dump_sum.line())
            for done, (sha256, key) in enumerate(_read_wanted(wanted), start=1):
                _save_media(database, storage, target, lines, report, sha256, key, thumbnails=thumbnails)
                on_progress(done, snapshot.originals)
        manifest = Manifest(
            mediacluster=version("mediacluster"),
            schema_revision=snapshot.schema_revision,
            postgres_major=snapshot.postgres_major,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            rows=snapshot.rows,
            files=report.copied + report.kept + 1,
            byte_size=report.bytes,
            database=name,
            database_sha256=dump_sum.sha256,
            sums=sums_name,
            sums_sha256=sha256_of(sums),
            missing=(report.missing + report.damaged)[:_SHOWN],
        )
        target.put_file(sums_name, sums)
        target.finish(manifest.to_json())
    if isinstance(target, FolderTarget):
        _clear(target.folder, manifest, report, prune=prune)
    return report


def _same_disk(target: Target) -> Path | None:
    """A folder on the target's file system, so that the dump can be moved instead of copied."""
    return target.folder if isinstance(target, FolderTarget) else None


def _dump(database: Database, dump: Path, wanted: Path) -> Snapshot:
    with database.transaction() as session:
        snapshot = open_snapshot(session)
        tool = find_tool("pg_dump", snapshot.postgres_major)
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot.name}"]
        run_tool(tool, database.direct.url, [*options, f"--file={dump}"])
        with wanted.open("w", encoding="utf-8") as lines:
            for sha256, key in list_originals(session):
                lines.write(f"{sha256.hex()}  {key}\n")
    return snapshot


def _read_wanted(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            sha256, _, key = line.rstrip("\n").partition("  ")
            yield sha256, key


def _save_media(
    database: Database,
    storage: Storage,
    target: Target,
    lines: TextIO,
    report: BackupReport,
    sha256: str,
    key: str,
    *,
    thumbnails: bool,
) -> None:
    try:
        if target.has(key, sha256):
            report.kept += 1
        else:
            data = storage.read(key)
            if hashlib.sha256(data).hexdigest() != sha256:
                report.damaged.append(key)
                return
            _put(target, report, key, data)
        lines.write(Sum(key, sha256).line())
    except OriginalMissing:
        with database.transaction() as session:
            media = find_media_by_sha256(session, bytes.fromhex(sha256))
        if media is None:
            report.deleted += 1
        elif not is_given_up(media.status, media.error_code):
            report.missing.append(key)
        return
    for keys in possible_keys(bytes.fromhex(sha256)) if thumbnails else ():
        _save_thumbnail(storage, target, lines, report, keys)


def _save_thumbnail(storage: Storage, target: Target, lines: TextIO, report: BackupReport, keys: Sequence[str]) -> None:
    """Save the first of these keys that exists. Thumbnails are optional."""
    for key in keys:
        with suppress(OriginalMissing):
            data = storage.read(key)
            break
    else:  # it can be made again
        return
    digest = hashlib.sha256(data).hexdigest()
    if target.has(key, digest):
        report.kept += 1
    else:
        _put(target, report, key, data)
    lines.write(Sum(key, digest).line())


def _put(target: Target, report: BackupReport, key: str, data: bytes) -> None:
    target.put(key, data)
    report.copied += 1
    report.bytes += len(data)


def _clear(folder: Path, manifest: Manifest, report: BackupReport, *, prune: bool) -> None:
    """Remove older dumps and lists. With `prune`, also remove files that this backup does not list."""
    for path in (*folder.glob("database-*.dump"), *folder.glob(f"{SUMS}*")):
        if path.name not in {manifest.database, manifest.sums}:
            path.unlink()
    if not prune:
        return
    with (folder / manifest.sums).open(encoding="utf-8") as lines:
        listed = {line.rstrip("\n").partition("  ")[2] for line in lines}
    for part in ("originals", "thumbnails"):
        for path in (folder / part).rglob("*"):
            if path.is_file() and path.relative_to(folder).as_posix() not in listed:
                path.unlink()
                report.pruned += 1
