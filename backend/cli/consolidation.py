"""`mediacluster consolidate` and `threshold`: regroup the library, with the same threshold or another one."""

import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import Table, output, print_json, say
from backend.cli.editing import print_outcome
from backend.cli.library import actor_name, open_services
from backend.cli.options import DryRun
from backend.cli.panels import Panel
from backend.documents import read_json
from backend.errors import FileUnreadable, InputError

if TYPE_CHECKING:
    from backend.features.consolidation import ThresholdReport
    from backend.rules.editing import Outcome

commands = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]

_SHOWN = 20


@commands.command(rich_help_panel=Panel.GROUPS)
def threshold(
    values: Annotated[list[float], typer.Argument(help="Thresholds to compare, above 0 and up to 1.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Set the one threshold that is named, and regroup the library.")
    ] = False,
    dry_run: DryRun = False,
    labels: Annotated[
        Path | None, typer.Option(help="JSON object of true groups by picture id; adds the adjusted Rand index.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the groups that other thresholds would give, by really applying the rule, or set one with --apply."""
    from backend.features.consolidation import apply_threshold, compare_thresholds

    if apply and len(values) != 1:
        raise InputError("Only one threshold can be applied.", hint="Give one threshold with --apply.")
    if dry_run and not apply:
        raise InputError(
            "--dry-run needs --apply: nothing is changed without it.", hint="Omit --dry-run, or add --apply."
        )
    truth = None if labels is None else _read_labels(labels)
    with open_services() as services:
        if apply:
            outcome = apply_threshold(services, values[0], actor=actor_name(), dry_run=dry_run)
            reports = []
        else:
            reports = compare_thresholds(services, values, labels=truth)
    if as_json:
        print_json(asdict(outcome) if apply else [asdict(report) for report in reports])
    elif apply:
        print_outcome(outcome)
        _say_how_to_undo(outcome)
    else:
        _print_reports(reports)


@commands.command(rich_help_panel=Panel.GROUPS)
def consolidate(dry_run: DryRun = False, as_json: Json = False) -> None:
    """Correct effects of the upload order on groups: merges, splits and moves, as one event."""
    from backend.features.consolidation import consolidate_library

    with open_services() as services:
        report = consolidate_library(services, actor=actor_name(), dry_run=dry_run)
    if as_json:
        print_json(asdict(report))
        return
    for merged in report.merges[:_SHOWN]:
        say(f"group {merged.cluster_id} into {merged.into}: {merged.media_count} pictures")
    for split in report.splits[:_SHOWN]:
        say(f"group {split.cluster_id} split, {split.created_cluster_id} is new: {split.media_count} pictures")
    say(
        f"{len(report.merges)} merged, {len(report.splits)} split off, {report.moved} pictures moved; "
        f"{report.clusters_before} groups {'would be' if dry_run else 'are now'} {report.clusters_after}"
    )
    _say_how_to_undo(report.outcome)


def _print_reports(reports: "list[ThresholdReport]") -> None:
    table = Table("threshold", "groups", "alone", "largest", "pictures moved", "adjusted Rand index")
    for report in reports:
        quality = "-" if report.adjusted_rand_index is None else f"{report.adjusted_rand_index:.3f}"
        counts = (report.clusters, report.sizes[0].clusters, report.largest, report.moved)
        table.add_row(f"{report.threshold:g}", *map(str, counts), quality)
    output.print(table)
    if reports and reports[0].sampled:
        say(f"of a sample of {reports[0].media:,} pictures")


def _say_how_to_undo(outcome: "Outcome") -> None:
    if outcome.event_id is not None:
        say(f"undo it with: mediacluster history undo {outcome.event_id}")


def _read_labels(path: Path) -> dict[uuid.UUID, str]:
    """Read true groups by picture id. Raises FileUnreadable, InputError."""
    try:
        content = read_json(path.read_text(encoding="utf-8"))
        return {uuid.UUID(media_id): str(label) for media_id, label in content.items()}
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read: {error.strerror}.", hint="Name another file.") from error
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is not a JSON object of labels by picture id.", hint='Write it like {"MEDIA_ID": "harbour"}.'
        ) from error
