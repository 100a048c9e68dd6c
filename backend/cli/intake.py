"""`mediacluster import`: import pictures with a progress bar, and wait for them with --wait."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.closing import closing
from backend.cli.console import complain, print_json, progress_bar, say
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.settings import load_settings

if TYPE_CHECKING:
    from backend.features.intake import ImportReport
    from backend.features.services import Services

commands = typer.Typer()


_LOOK_EVERY_SECONDS = 0.2
_REMIND_AFTER_SECONDS = 60.0
_TRY_ENCODERS_AFTER_SECONDS = 20.0


@commands.command(name="import", rich_help_panel=Panel.IMPORT_AND_EXPORT)
def import_(
    sources: Annotated[list[str], typer.Argument(help="Folders, pictures, manifests (.csv, .jsonl) or URLs.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every picture is in its group.")] = False,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave out files and folders like this. Can be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import pictures with their text, and report new, duplicate and failed files."""
    from backend.bootstrap import build_services
    from backend.cli.servers import prepare_database

    settings = load_settings()
    prepare_database(settings)
    report = _run_import(closing(build_services(settings)), sources, exclude or (), wait=wait, quiet=as_json)
    left_out = report.left_out
    if as_json:
        failed = [asdict(failure) for failure in report.failed]
        print_json(
            {
                "new": len(report.new),
                "duplicate": len(report.duplicates),
                "completed": [asdict(one) for one in report.completed],
                "failed": failed,
                "warnings": [asdict(warning) for warning in report.warnings],
                "skipped": report.skipped,
                "left_out": [
                    {"kind": kind.value, "count": count, "examples": [str(path) for path in left_out.examples[kind]]}
                    for kind, count in left_out.counts.items()
                ],
                "media": [{"id": str(media_id), "path": path} for media_id, path in report.new.items()],
            }
        )
    else:
        say(f"{len(report.new)} new, {len(report.duplicates)} duplicate, {len(report.failed)} failed")
        for completion in report.completed:
            say(f"  completed {completion.path}: {', '.join(completion.fields)}")
        for failure in report.failed:
            say(f"  {failure.path}: {failure.code}: {failure.detail}")
        for warning in report.warnings:
            say(f"  warning: {warning.path}: {warning.code}: {warning.detail}")
        for kind, count in left_out.counts.items():
            names = ", ".join(path.name for path in left_out.examples[kind])
            more = ", ..." if count > len(left_out.examples[kind]) else ""
            say(f"  left out {kind.label(count)}: {names}{more}")


def _run_import(
    services: "Services", sources: Sequence[str], exclude: Sequence[str], *, wait: bool, quiet: bool
) -> "ImportReport":
    """Import the sources; with `wait`, until every picture is ready or has failed.

    Raises:
        FileUnreadable: a source does not exist or cannot be opened.
        EncoderUnavailable: no worker can embed. Imported pictures stay.
        BackendUnavailable, StorageFull: pictures imported so far stay; another import skips them.
    """
    from backend.cli.servers import running_workers
    from backend.features.intake import ImportReport, count_settled, import_items, list_items, settle

    items, left_out = list_items(services, sources, exclude=exclude)
    report = ImportReport(left_out=left_out)
    with progress_bar("importing", len(items), quiet=quiet) as show:
        for done, _item in enumerate(import_items(services, items, report), start=1):
            show(done)
    if wait and count_settled(services, report) < len(report.media_ids):
        with running_workers(services):
            wait_for(services, report, quiet=quiet)
    settle(services, report)
    return report


def wait_for(services: "Services", report: "ImportReport", *, doing: str = "grouping", quiet: bool) -> None:
    """Show progress of what the workers are `doing` until all pictures are ready or failed. Raises EncoderUnavailable if no worker can embed."""
    from backend.features.intake import count_settled

    total = len(report.media_ids)
    last, since = 0, time.monotonic()
    try_encoders_at: float | None = since + _TRY_ENCODERS_AFTER_SECONDS
    with progress_bar(doing, total, quiet=quiet) as show:
        while (settled := count_settled(services, report)) < total:
            show(settled)
            if settled != last:
                last, since = settled, time.monotonic()
            elif time.monotonic() - since > _REMIND_AFTER_SECONDS:
                since = time.monotonic()
                complain(
                    f"No progress for {_REMIND_AFTER_SECONDS:.0f} s; check `mediacluster doctor` and the logs "
                    f"in {services.settings.home_path / 'logs'}."
                )
            if try_encoders_at is not None and time.monotonic() > try_encoders_at:
                try_encoders_at = None
                _try_encoders(services)
            time.sleep(_LOOK_EVERY_SECONDS)
        show(total)


def _try_encoders(services: "Services") -> None:
    """Load the encoders here if nothing was ever embedded. Workers retry for ever and report the cause in their log only, and what
    prevents them prevents this process too."""
    from backend.store.spaces import find_active_space, has_vectors

    with services.database.transaction() as session:
        space = find_active_space(session)
        if space is not None and has_vectors(session, space.id):
            return
    (services.encoders if space is None else services.encoders_of(space)).load()
