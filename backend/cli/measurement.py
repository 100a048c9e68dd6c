"""`mediacluster measure`: compute what the quality page shows."""

from typing import Annotated, Any, Literal

import typer

from backend.cli.attached import end_with_input
from backend.cli.console import print_json, say
from backend.cli.library import open_services
from backend.cli.panels import Panel
from backend.errors import Conflict

commands = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@commands.command(rich_help_panel=Panel.QUALITY_AND_MODEL)
def measure(
    what: Annotated[
        Literal["figures", "map", "evaluation"], typer.Argument(help="figures, map, or evaluation.")
    ] = "figures",
    as_json: Json = False,
    attached: Annotated[bool, typer.Option("--attached", help="Stop when standard input is closed.")] = False,
) -> None:
    """Compute the figures, the map or the evaluation of the quality page."""
    from backend.features.evaluation import REPORTS, Job
    from backend.features.evaluation import measure as run
    from backend.store.evaluation import find_standing

    if attached:
        end_with_input()
    with open_services() as services:
        job = Job(what)
        if not run(services, job):
            raise Conflict("Another process is already measuring this.", hint="Wait until it is done.")
        with services.database.transaction() as session:
            standing = find_standing(session)
    assert standing is not None
    content = {kind: standing.reports[kind].content for kind in REPORTS[job]}
    if as_json:
        print_json(content)
    elif job is Job.MAP:
        _say_map(content["map"])
    elif job is Job.EVALUATION:
        _say_evaluation(content["evaluation"])
    else:
        _say_figures(content)


def _say_map(content: dict[str, Any]) -> None:
    say(
        f"{content['points']:,} pictures on the map, laid out by {content['method']} from {content['fitted']:,} of them"
    )


def _say_evaluation(content: dict[str, Any]) -> None:
    if content["document"] is None:
        say("no labels in folders, no curated groups, no judgements: nothing to measure by")
    for one in content["suggestions"]:
        value = "keep it" if one["value"] is None else f"{one['value']:g}"
        say(f"{one['knob']} {one['present']:g}: {value}: {one['reason']}")


def _say_figures(content: dict[str, Any]) -> None:
    similarities = content["similarities"]
    for name in ("area_under_curve", "overlap", "mean_cohesion"):
        value = similarities[name]
        say(f"{name.replace('_', ' ')}: {'-' if value is None else f'{value:.3f}'}")
    present = content["thresholds"]["present"]
    for report in content["thresholds"]["reports"]:
        mark = "  now" if report["threshold"] == present else ""
        say(f"threshold {report['threshold']:g}: {report['clusters']} groups, {report['moved']} pictures moved{mark}")
