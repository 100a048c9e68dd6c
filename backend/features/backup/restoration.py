"""Restore of a library: originals first, then the database, so that rows never refer to missing files."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backend.errors import BackupDamaged, ConfigurationError, Conflict
from backend.features.backup.archives import Source, open_source
from backend.features.backup.manifest import MANIFEST, SUMS, Manifest, Sum, read_sums, sha256_of
from backend.features.backup.tools import find_tool, restore_dump
from backend.files.storage import Storage
from backend.store.engine import Database, Session
from backend.store.integrity import drop_schema, get_postgres_major, list_contents, lock_schema, read_target
from backend.store.migrate import knows_revision, upgrade

_NAMED = 3  # names shown in a message


@dataclass
class RestoreReport:
    """Result of a restore.

    Attributes:
        created_at: time of the backup.
        mediacluster: version that wrote it.
        rows: number of rows by table.
        files: number of files.
        bytes: their total size.
        missing: files that were missing when the backup was made.
        damaged: files whose checksum does not match.
    """

    created_at: str
    mediacluster: str
    rows: dict[str, int]
    files: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not (self.missing or self.damaged)


def check_backup(path: Path, *, on_progress: Callable[[int, int], None] = lambda _done, _total: None) -> RestoreReport:
    """Read a backup and verify every checksum, without writing. Raises BackupDamaged, FileUnreadable."""
    with open_source(path) as source, tempfile.TemporaryDirectory() as scratch:
        manifest, _ = _open(source, Path(scratch))
        report = _report_of(manifest)
        _each_file(source, Path(scratch) / SUMS, manifest, report, None, on_progress)
    return report


def restore(
    database: Database,
    storage: Storage,
    path: Path,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RestoreReport:
    """Restore into a database without a library, as a whole or not at all, and migrate it to the newest schema.

    A database that was migrated but never used is accepted. Its schema, accounts and keys are replaced. Originals are written to the
    storage. Existing ones are kept, so that an interrupted run can be repeated, unless their checksum differs.

    Raises:
        Conflict: the database contains a library or foreign tables.
        TransactionConflict: servers or workers hold locks.
        BackupDamaged: the manifest, the list of files or the dump is damaged. Single damaged originals are reported instead.
        ConfigurationError: the backup is from a newer version, or no suitable pg_restore is installed.
        FileUnreadable, StorageFull, BackendUnavailable: reading or writing failed.
    """
    with database.transaction() as session:
        _require_no_library(session)
        server_major = get_postgres_major(session)
    with open_source(path) as source, tempfile.TemporaryDirectory() as scratch:
        manifest, dump = _open(source, Path(scratch))
        _require_fit(manifest, server_major)
        tool = find_tool("pg_restore", max(server_major, manifest.postgres_major))
        report = _report_of(manifest)
        _each_file(source, Path(scratch) / SUMS, manifest, report, storage, on_progress)
        with database.transaction() as session:
            lock_schema(session)  # held from this check until the schema is dropped
            _require_no_library(session)
            drop_schema(session)
            target = read_target(session)
        restore_dump(tool, database.direct.url, dump, server_major, target)
    database.dispose()  # open connections do not know the types just created
    upgrade(database.direct.engine)
    return report


def _require_no_library(session: Session) -> None:
    if contents := list_contents(session):
        more = f" and {len(contents) - _NAMED} more" if len(contents) > _NAMED else ""
        raise Conflict(
            f"The database is not empty ({', '.join(contents[:_NAMED])}{more}). A backup can only be "
            "restored into an empty database.",
            hint="Set another MEDIACLUSTER_HOME, or set DATABASE_URL to an empty database.",
        )


def _open(source: Source, folder: Path) -> tuple[Manifest, Path]:
    """Read the manifest and copy the dump to a file. Verifies the dump and the list of files."""
    manifest = Manifest.from_json(source.read(MANIFEST))
    sums, dump = folder / SUMS, folder / "dump"
    for name, path, expected in (
        (manifest.sums, sums, manifest.sums_sha256),
        (manifest.database, dump, manifest.database_sha256),
    ):
        source.copy(name, path)
        if sha256_of(path) != expected:
            raise BackupDamaged(f"{name} in the backup has changed since it was saved.", hint="Use another backup.")
    return manifest, dump


def _require_fit(manifest: Manifest, server_major: int) -> None:
    if not knows_revision(manifest.schema_revision):
        raise ConfigurationError(
            f"The backup was made by mediacluster {manifest.mediacluster}; this version does not know its schema.",
            hint="Install that version or a newer one.",
        )
    if server_major < manifest.postgres_major:
        raise ConfigurationError(
            f"The backup was made from Postgres {manifest.postgres_major}, and this server is Postgres {server_major}.",
            hint="Restore into a server of that version or a newer one.",
        )


def _report_of(manifest: Manifest) -> RestoreReport:
    return RestoreReport(
        manifest.created_at, manifest.mediacluster, manifest.rows, files=1, missing=list(manifest.missing)
    )


def _each_file(
    source: Source,
    sums: Path,
    manifest: Manifest,
    report: RestoreReport,
    storage: Storage | None,
    on_progress: Callable[[int, int], None],
) -> None:
    for done, one in enumerate(read_sums(sums), start=1):
        on_progress(done, manifest.files)
        if one.name == manifest.database:
            continue
        try:
            data = source.read(one.name)
        except BackupDamaged:
            report.damaged.append(one.name)
            continue
        if hashlib.sha256(data).hexdigest() != one.sha256:
            report.damaged.append(one.name)
            continue
        if storage is not None and not _has(storage, one):
            storage.write(one.name, data)
        report.files += 1
        report.bytes += len(data)


def _has(storage: Storage, one: Sum) -> bool:
    return storage.exists(one.name) and hashlib.sha256(storage.read(one.name)).hexdigest() == one.sha256
