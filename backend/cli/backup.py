"""`mediacluster backup` and `mediacluster restore`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.bootstrap import open_storage, resolve_database_url
from backend.cli.console import measured_bar, say
from backend.cli.editing import note
from backend.features.backup import BackupReport, RestoreReport, back_up, check_backup, restore
from backend.features.integrity import AuditReport, audit, describe_breaches
from backend.rules.editing import media_count
from backend.settings import Settings
from backend.store.access import Act
from backend.store.engine import Database

_SHOWN = 20


@dataclass(frozen=True)
class Restored:
    """A restored library; `audit` is None where the backup was only checked."""

    report: RestoreReport
    audit: AuditReport | None

    @property
    def is_good(self) -> bool:
        return self.report.is_whole and (self.audit is None or self.audit.is_clean)

    def as_dict(self) -> dict[str, Any]:
        return {"good": self.is_good, **asdict(self.report), "audit": asdict(self.audit) if self.audit else None}


def run_backup(settings: Settings, place: Path, *, thumbnails: bool, prune: bool, quiet: bool) -> BackupReport:
    """Raises as `back_up`."""
    database = Database(resolve_database_url(settings))
    try:
        with measured_bar("saving", quiet=quiet) as show:
            report = back_up(
                database, open_storage(settings), place.absolute(), thumbnails=thumbnails, prune=prune, on_progress=show
            )
        note(database, Act.LIBRARY_BACKED_UP, report.place, media=report.rows["media"], whole=report.is_whole)
        return report
    finally:
        database.dispose()


def run_restore(settings: Settings, place: Path, *, check: bool, quiet: bool) -> Restored:
    """Raises as `restore` and `check_backup`."""
    if check:
        with measured_bar("checking", quiet=quiet) as show:
            return Restored(check_backup(place, on_progress=show), None)
    database = Database(resolve_database_url(settings))
    try:
        with measured_bar("restoring", quiet=quiet) as show:
            report = restore(database, open_storage(settings), place, on_progress=show)
        note(database, Act.LIBRARY_RESTORED, str(place), saved_at=report.created_at, whole=report.is_whole)
        return Restored(report, audit(database))
    finally:
        database.dispose()


def print_backup(report: BackupReport) -> None:
    say(
        f"{media_count(report.rows['media'])} in {report.place}: {report.copied} files copied, "
        f"{report.kept} already there"
    )
    if report.deleted:
        say(f"{media_count(report.deleted)} deleted in the meantime")
    if report.pruned:
        say(f"removed {report.pruned} files that belong to no picture")
    _print_faults(report.missing, "is missing from the storage")
    _print_faults(report.damaged, "is damaged in the storage")


def print_restored(restored: Restored) -> None:
    report = restored.report
    done = "restored" if restored.audit else "checked"
    say(f"{done} {report.files} files of {report.rows['media']} pictures, saved {report.created_at}")
    _print_faults(report.missing, "was missing when the backup was made")
    _print_faults(report.damaged, "is damaged in the backup")
    if restored.audit is None:
        return
    for line in describe_breaches(restored.audit):
        say(line)
    say("audit: clean" if restored.audit.is_clean else "audit: not clean")
    say("run `mediacluster repair` to make thumbnails that are not in the backup")


def _print_faults(names: list[str], what: str) -> None:
    for name in names[:_SHOWN]:
        say(f"{name} {what}")
    if len(names) > _SHOWN:
        say(f"{len(names) - _SHOWN} more")
