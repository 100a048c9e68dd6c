"""`mediacluster backup`, `restore` and `repair`: keep a library safe and whole."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.closing import closing
from backend.cli.console import measured_bar, print_json, say
from backend.rules.editing import media_count
from backend.settings import load_settings

if TYPE_CHECKING:
    from backend.features.integrity import RepairReport

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


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
    from backend.cli.backup import print_backup, run_backup

    report = run_backup(load_settings(), place, thumbnails=thumbnails, prune=prune, quiet=as_json)
    if as_json:
        print_json({"whole": report.is_whole, **asdict(report)})
    else:
        print_backup(report)
    if not report.is_whole:
        raise typer.Exit(1)


def restore(
    place: Annotated[Path, typer.Argument(help="The folder or .tar file of a backup.")],
    check: Annotated[bool, typer.Option("--check", help="Check every checksum without restoring anything.")] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup into an empty home or database and audit it. Exits with 1 if something is missing."""
    from backend.cli.backup import print_restored, run_restore

    restored = run_restore(load_settings(), place, check=check, quiet=as_json)
    if as_json:
        print_json(restored.as_dict())
    else:
        print_restored(restored)
    if not restored.is_good:
        raise typer.Exit(1)


def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report problems without changing anything.")] = False,
    fail_missing: Annotated[
        bool,
        typer.Option("--fail-missing", help="Mark pictures whose original is missing as failed (`original_missing`)."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Find and fix files without a picture, pictures without files, wrong centroids and missing indexes.

    Exits with 1 if something cannot be fixed.
    """
    from backend.bootstrap import build_services
    from backend.cli.editing import actor_name, note
    from backend.features.integrity import repair as mend
    from backend.store.access import Act

    services = closing(build_services(load_settings()))
    with measured_bar("repairing", quiet=as_json) as show:
        report = mend(services, dry_run=dry_run, fail_missing=fail_missing, actor=actor_name(), on_progress=show)
    if not dry_run:
        found = {name: getattr(report, name) for name in ("orphans", "thumbnails", "failed", "unmended")}
        note(services.database, Act.LIBRARY_REPAIRED, "the library", **found)
    if as_json:
        print_json({**asdict(report), "unmended": report.unmended})
    else:
        _print(report)
    if report.unmended:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    for command in (backup, restore, repair):
        app.command()(command)


def _print(report: "RepairReport") -> None:
    done = "would be " if report.dry_run else ""
    say(f"checked {report.files} files and {media_count(report.rows)}")
    say(
        f"{report.orphans} files that belong to no picture {done}removed, {report.leftovers} "
        f"unfinished files {done}removed"
    )
    say(f"thumbnails of {media_count(report.thumbnails)} {done}made")
    say(f"{report.centroids} centroids {done}recomputed, {report.empty_clusters} empty groups {done}removed")
    if report.spaces_without_indexes:
        say(f"vector indexes of {report.spaces_without_indexes} spaces {done}made")
    if report.missing_originals:
        say(f"{report.missing_originals} originals are missing, {media_count(report.failed)} {done}marked as failed")
    for media_id in report.missing_media_ids:
        say(f"  original missing: {media_id}")
    for media_id in report.damaged_media_ids:
        say(f"  original damaged: {media_id}")
