"""`mediacluster audit` and `repair`: find and fix problems of a library."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.closing import closing
from backend.cli.console import measured_bar, print_json, say
from backend.cli.library import actor_name, note
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.rules.editing import media_count
from backend.settings import load_settings

if TYPE_CHECKING:
    from backend.features.integrity import RepairReport

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.SAFEKEEPING)
def audit(
    replay: Annotated[bool, typer.Option("--replay", help="Repeat every assignment and compare.")] = False,
    recall: Annotated[bool, typer.Option("--recall", help="Compare index searches with exact searches.")] = False,
    as_json: Json = False,
) -> None:
    """Check the invariants of the library. Exits with 1 and lists the rows that break one."""
    from backend.bootstrap import open_database
    from backend.features.evaluation import audit_recall
    from backend.features.integrity import audit as run_audit
    from backend.features.integrity import describe_breaches

    database = closing(open_database(load_settings()))
    report = run_audit(database, replay=replay)
    recalled = audit_recall(database) if recall else None
    if as_json:
        print_json({"clean": report.is_clean, **asdict(report), "recall": asdict(recalled) if recalled else None})
    else:
        for line in describe_breaches(report):
            say(line)
        if report.replayed is not None:
            say(f"replayed {report.replayed} decisions")
        if report.replay_skipped:
            say(f"replay skipped: {report.replay_skipped}")
        if recalled is not None:
            say(f"recall@{recalled.k} of {recalled.sampled} sampled pictures, against exact search:")
            for alpha, value in recalled.fused.items():
                say(f"  alpha {alpha:.1f}: {value:.3f}")
            for alpha, value in recalled.fused_index.items():
                say(f"  alpha {alpha:.1f}, fused index alone: {value:.3f}")
            for leg, value in recalled.legs.items():
                say(f"  {leg} index alone: {value:.3f}")
        say("clean" if report.is_clean else "not clean")
    if not report.is_clean:
        raise typer.Exit(1)


@commands.command(rich_help_panel=Panel.SAFEKEEPING)
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
