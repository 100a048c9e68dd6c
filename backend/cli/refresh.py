"""`mediacluster refresh`: rebuild what an earlier version made from the stored originals."""

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.closing import closing
from backend.cli.console import measured_bar, print_json, say
from backend.cli.library import actor_name, note
from backend.cli.options import DryRun, Json
from backend.cli.panels import Panel
from backend.rules.editing import media_count
from backend.settings import load_settings

if TYPE_CHECKING:
    from backend.features.refresh import PixelsReport

commands = typer.Typer()


class What(StrEnum):
    """What is rebuilt."""

    PIXELS = "pixels"


@commands.command(rich_help_panel=Panel.IMPORT_AND_EXPORT)
def refresh(
    what: Annotated[  # noqa: ARG001 - there is one so far
        What, typer.Option("--what", help="pixels: thumbnails, hashes and embeddings of pictures that are not in sRGB.")
    ],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Rebuild what an earlier version made from the stored originals."""
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
        _print(report)


def _print(report: "PixelsReport") -> None:
    would = "would be " if report.dry_run else ""
    say(f"looked at {media_count(report.pictures)}, {report.other_colors} with colors other than sRGB")
    say(f"{media_count(report.refreshed)} {would}refreshed")
    for media_id in report.failed_media_ids:
        say(f"  its original cannot be read: {media_id}")
