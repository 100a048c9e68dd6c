"""`mediacluster optimize`: faster copies of the encoders, measured on the library's own pictures."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import complain, print_json, say
from backend.cli.library import open_services
from backend.cli.options import Json
from backend.cli.panels import Panel

if TYPE_CHECKING:
    from backend.features.optimize.optimization import SideReport

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.QUALITY_AND_MODEL)
def optimize(
    sample: Annotated[int, typer.Option(min=100, max=10_000, help="Largest number of pictures to measure on.")] = 400,
    as_json: Json = False,
) -> None:
    """Create faster copies of the encoders and measure on this library whether they are accurate enough.

    Run it after an import without workers, before the first worker: a copy that passes is used from then on. A library
    that has vectors keeps its runtime. Exits with 1 if int8 is set by name and does not pass.
    """
    from backend.cli.servers import prepare_database
    from backend.features.optimize.optimization import optimize as run
    from backend.settings import load_settings

    settings = load_settings()
    prepare_database(settings)
    with open_services(settings) as services:
        reports = run(services, sample=sample, on_step=lambda step: None if as_json else complain(step))
    if as_json:
        print_json({report.side: asdict(report) for report in reports})
    else:
        for report in reports:
            _print(report)
    for report, choice in zip(reports, (settings.image_runtime, settings.text_runtime), strict=True):
        report.require(choice)


def _print(report: "SideReport") -> None:
    from backend.encoders import PLAIN

    if report.skipped:
        say(f"{report.side}: not measured: {report.skipped}")
        return
    for name, reason in report.left_out.items():
        say(f"{report.side}: {name} not measured: {reason}")
    for trial in report.trials:
        outcome = "ok  " if trial.passed else "FAIL"
        say(f"{report.side}: {outcome} {trial.runtime}: {trial.speedup:.2f} times as fast as {PLAIN}")
        say(f"       {trial.fidelity}")
    if report.kept is None:
        say(f"{report.side}: the first worker will use {report.chosen}")
    elif report.kept == report.chosen:
        say(f"{report.side}: {report.kept}, which the space was created with")
    else:
        say(
            f"{report.side}: the space was created with {report.kept} and keeps it; a new space would "
            f"use {report.chosen}"
        )
