"""`mediacluster label`: label groups."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.closing import closing
from backend.cli.console import print_json, say
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.settings import load_settings

if TYPE_CHECKING:
    from backend.features.naming import LabelReport

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.GROUPS)
def label(
    everything: Annotated[bool, typer.Option("--all", help="Relabel all groups, changed or not.")] = False,
    as_json: Json = False,
) -> None:
    """Label the groups whose members changed, by what distinguishes them."""
    from backend.bootstrap import build_services
    from backend.features.naming import refresh_labels

    report = refresh_labels(closing(build_services(load_settings())), everything=everything)
    if as_json:
        print_json(asdict(report))
    else:
        _print(report)


def _print(report: "LabelReport") -> None:
    """Print what was done."""
    say(
        f"{report.clusters} groups looked at: {report.labels} new labels, {report.representatives} new representatives "
        f"({report.seconds:.1f} s)"
    )
    if report.left:
        say(f"{report.left} groups are left for the next run")
    if report.note:
        say(report.note)
