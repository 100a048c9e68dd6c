"""`mediacluster refresh`: take up what programs have changed in files, and rebuild what an earlier version made."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.closing import closing
from backend.cli.console import JsonListing, measured_bar, print_json, say
from backend.cli.library import actor_name, note
from backend.cli.options import DryRun, Json
from backend.cli.panels import Panel
from backend.rules.editing import media_count
from backend.settings import load_settings

if TYPE_CHECKING:
    from backend.features.refresh import PictureChanges, PixelsReport, WordsReport
    from backend.features.services import Services

commands = typer.Typer()


class What(StrEnum):
    """What is rebuilt from the stored originals."""

    WORDS = "words"
    PIXELS = "pixels"


@commands.command(rich_help_panel=Panel.IMPORT_AND_EXPORT)
def refresh(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Folders, pictures and manifests whose changed words are taken up.")
    ] = None,
    what: Annotated[
        What | None,
        typer.Option(
            "--what",
            help="Rebuild from the stored originals instead. words: read their metadata again. "
            "pixels: thumbnails, hashes and embeddings of pictures that are not in sRGB.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave out files and folders like this. Can be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until changed words are embedded.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take up changed sidecars and metadata, or rebuild what an earlier version made."""
    if bool(sources) == (what is not None):
        raise typer.BadParameter("name files or folders, or use --what, not both")
    if what is What.PIXELS:
        if wait or exclude:
            raise typer.BadParameter("--wait and --exclude are for words")
        _refresh_pixels(dry_run=dry_run, as_json=as_json)
    else:
        _refresh_words(sources or [], exclude or [], wait=wait, dry_run=dry_run, as_json=as_json)


def _refresh_words(sources: Sequence[str], exclude: Sequence[str], *, wait: bool, dry_run: bool, as_json: bool) -> None:
    from backend.bootstrap import build_services
    from backend.features.intake import list_items
    from backend.features.refresh import refresh_files, refresh_originals

    services = closing(build_services(load_settings()))
    items = list_items(services, sources, exclude=exclude)[0] if sources else None
    listing = JsonListing("pictures") if as_json else None

    def show_change(change: "PictureChanges") -> None:
        if listing is not None:
            listing.add(asdict(change))
        else:
            _print_change(change)

    with measured_bar("refreshing", quiet=as_json) as show:
        if items is None:
            report = refresh_originals(
                services, dry_run=dry_run, actor=actor_name(), on_change=show_change, on_progress=show
            )
        else:
            report = refresh_files(
                services, items, dry_run=dry_run, actor=actor_name(), on_change=show_change, on_progress=show
            )
    if wait and not dry_run:
        _wait(services, report, quiet=as_json)
    if listing is not None:
        listing.close(_as_json(report))
    else:
        _print_words(report)


def _wait(services: "Services", report: "WordsReport", *, quiet: bool) -> None:
    from backend.cli.intake import wait_for
    from backend.cli.servers import running_workers
    from backend.features.intake import Completion, ImportReport, count_settled

    waited_for = ImportReport(
        duplicates={str(media_id): media_id for media_id in report.renewed},
        completed=[Completion(media_id, path, ()) for media_id, path in report.renewed.items()],
    )
    if count_settled(services, waited_for) < len(waited_for.media_ids):
        with running_workers(services):
            wait_for(services, waited_for, doing="embedding", quiet=quiet)


def _as_json(report: "WordsReport") -> dict[str, Any]:
    content = asdict(report)
    renewed = content.pop("renewed")
    return content | {"embedded_again": len(renewed)}


def _print_change(change: "PictureChanges") -> None:
    where = change.path or str(change.media_id)
    for one in change.changes:
        say(f"{where}: {one.field}: {_value(one.old)} -> {_value(one.new)}")
    for name in change.kept:
        say(f"{where}: {name}: kept, set by hand")


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value else "empty"


def _print_words(report: "WordsReport") -> None:
    would = "would be " if report.dry_run else ""
    say(f"looked at {media_count(report.looked_at)}: {report.unchanged} unchanged, {report.changed} {would}changed")
    for name, count in report.fields.items():
        say(f"  {name}: {count}")
    for name, count in report.kept.items():
        say(f"  {name}: {count} kept, set by hand")
    for count, told in (
        (len(report.renewed), f"whose words {'would be' if report.dry_run else 'are'} embedded again"),
        (report.rewritten, "with other metadata in the file, and the same pixels"),
        (report.unreadable, "with a sidecar that could not be read or is gone; nothing is removed for these"),
    ):
        if count:
            say(f"  {count} {told}")
    _print_paths(report.not_in_library, "not in the library: import them", report.not_in_library_paths)
    _print_paths(report.other_pixels, "edited since the import: import them as new pictures", report.other_pixels_paths)
    failures = [f"{one.path}: {one.code}: {one.detail}" for one in report.failures]
    _print_paths(report.failed, "failed", failures)
    warnings = [f"{one.path}: {one.code}: {one.detail}" for one in report.warnings]
    _print_paths(report.warned, "warning" if report.warned == 1 else "warnings", warnings)


def _print_paths(total: int, told: str, lines: Sequence[str]) -> None:
    """A count, if there are any, and the first of them."""
    if total:
        say(f"{total} {told}")
    for line in lines:
        say(f"  {line}")
    if total > len(lines):
        say(f"  and {total - len(lines)} more")


def _refresh_pixels(*, dry_run: bool, as_json: bool) -> None:
    from backend.bootstrap import build_services
    from backend.features.refresh import refresh_pixels
    from backend.store.access import Act

    services = closing(build_services(load_settings()))
    with measured_bar("refreshing", quiet=as_json) as show:
        report = refresh_pixels(services, dry_run=dry_run, actor=actor_name(), on_progress=show)
    if report.refreshed and not dry_run:
        note(services.database, Act.LIBRARY_REFRESHED, "pixels", media=report.refreshed)
    if as_json:
        print_json(asdict(report))
    else:
        _print_pixels(report)


def _print_pixels(report: "PixelsReport") -> None:
    would = "would be " if report.dry_run else ""
    say(f"looked at {media_count(report.pictures)}, {report.other_colors} with colors other than sRGB")
    say(f"{media_count(report.refreshed)} {would}refreshed")
    for media_id in report.failed_media_ids:
        say(f"  its original cannot be read: {media_id}")
