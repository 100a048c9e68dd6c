"""`mediacluster backup` and `mediacluster restore`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import measured_bar, print_json, say
from backend.cli.library import note
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.rules.editing import media_count
from backend.settings import Settings, load_settings

if TYPE_CHECKING:
    from backend.features.backup import BackupReport, RestoreReport
    from backend.features.integrity import AuditReport

commands = typer.Typer()


_SHOWN = 20


@dataclass(frozen=True)
class Restored:
    """A restored library. `audit` is None if the backup was only checked."""

    report: "RestoreReport"
    audit: "AuditReport | None"

    @property
    def is_good(self) -> bool:
        return self.report.is_whole and (self.audit is None or self.audit.is_clean)

    def as_dict(self) -> dict[str, Any]:
        return {"good": self.is_good, **asdict(self.report), "audit": asdict(self.audit) if self.audit else None}


@commands.command(rich_help_panel=Panel.SAFEKEEPING)
def backup(
    place: Annotated[Path, typer.Argument(help="A folder, or a new .tar file.")],
    thumbnails: Annotated[
        bool,
        typer.Option(
            "--thumbnails", help="Include thumbnails. Without them, `mediacluster repair` can make them again."
        ),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove files from the folder that belong to no picture.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Save a consistent copy of database and originals. Repeating it into the same folder copies only new files."""
    report = _run_backup(load_settings(), place, thumbnails=thumbnails, prune=prune, quiet=as_json)
    if as_json:
        print_json({"whole": report.is_whole, **asdict(report)})
    else:
        _print_backup(report)
    if not report.is_whole:
        raise typer.Exit(1)


@commands.command(rich_help_panel=Panel.SAFEKEEPING)
def restore(
    place: Annotated[Path, typer.Argument(help="The folder or .tar file of a backup.")],
    check: Annotated[bool, typer.Option("--check", help="Check every checksum without restoring anything.")] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup into an empty home or database and audit it. Exits with 1 if something is missing."""
    restored = _run_restore(load_settings(), place, check=check, quiet=as_json)
    if as_json:
        print_json(restored.as_dict())
    else:
        _print_restored(restored)
    if not restored.is_good:
        raise typer.Exit(1)


def _run_backup(settings: Settings, place: Path, *, thumbnails: bool, prune: bool, quiet: bool) -> "BackupReport":
    """Write the backup with a progress bar. Raises like `back_up`."""
    from backend.bootstrap import open_database, open_storage
    from backend.features.backup import back_up
    from backend.store.access import Act

    database = open_database(settings)
    try:
        with measured_bar("saving", quiet=quiet) as show:
            report = back_up(
                database, open_storage(settings), place.absolute(), thumbnails=thumbnails, prune=prune, on_progress=show
            )
        note(database, Act.LIBRARY_BACKED_UP, report.place, media=report.rows["media"], whole=report.is_whole)
        return report
    finally:
        database.dispose()


def _run_restore(settings: Settings, place: Path, *, check: bool, quiet: bool) -> Restored:
    """Restore or check the backup with a progress bar. Raises like `restore` and `check_backup`."""
    from backend.bootstrap import open_database, open_storage
    from backend.features.backup import check_backup
    from backend.features.backup import restore as run
    from backend.features.integrity import audit
    from backend.store.access import Act

    if check:
        with measured_bar("checking", quiet=quiet) as show:
            return Restored(check_backup(place, on_progress=show), None)
    database = open_database(settings)
    try:
        with measured_bar("restoring", quiet=quiet) as show:
            report = run(database, open_storage(settings), place, on_progress=show)
        note(database, Act.LIBRARY_RESTORED, str(place), saved_at=report.created_at, whole=report.is_whole)
        return Restored(report, audit(database))
    finally:
        database.dispose()


def _print_backup(report: "BackupReport") -> None:
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


def _print_restored(restored: Restored) -> None:
    report = restored.report
    done = "restored" if restored.audit else "checked"
    say(f"{done} {report.files} files of {report.rows['media']} pictures, saved {report.created_at}")
    _print_faults(report.missing, "was missing when the backup was made")
    _print_faults(report.damaged, "is damaged in the backup")
    if restored.audit is None:
        return
    from backend.features.integrity import describe_breaches

    for line in describe_breaches(restored.audit):
        say(line)
    say("audit: clean" if restored.audit.is_clean else "audit: not clean")
    say("run `mediacluster repair` to make thumbnails that are not in the backup")


def _print_faults(names: list[str], what: str) -> None:
    for name in names[:_SHOWN]:
        say(f"{name} {what}")
    if len(names) > _SHOWN:
        say(f"{len(names) - _SHOWN} more")
