"""`mediacluster pause` and `resume`: let workers rest, and go on."""

from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.console import print_json, say
from backend.cli.editing import actor_name, open_services

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def pause(as_json: Json = False) -> None:
    """Pause processing. Work in progress is finished, and new uploads wait."""
    from backend.features.operations import pause_processing

    with open_services() as services:
        state = pause_processing(services, actor=actor_name())
    if as_json:
        print_json(asdict(state))
    else:
        say(f"paused since {state.paused_at:%Y-%m-%d %H:%M} by {state.actor}; continue with `mediacluster resume`")


def resume(as_json: Json = False) -> None:
    """Continue processing after a pause."""
    from backend.features.operations import resume_processing

    with open_services() as services:
        resumed = resume_processing(services, actor=actor_name())
    if as_json:
        print_json({"resumed": resumed})
    else:
        say("processing continues" if resumed else "processing was not paused")


def register(app: typer.Typer) -> None:
    """Make these commands of the command line."""
    for command in (pause, resume):
        app.command()(command)
