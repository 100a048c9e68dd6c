"""`mediacluster pause` and `resume`: let workers rest, and go on."""

from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.console import print_json, say
from backend.cli.editing import actor_name, open_services

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def pause(as_json: Json = False) -> None:
    """Let workers claim nothing more; what is under way is finished, and uploads wait."""
    from backend.features.operations import pause_processing

    with open_services() as services:
        state = pause_processing(services, actor=actor_name())
    if as_json:
        print_json(asdict(state))
    else:
        say(f"paused since {state.paused_at:%Y-%m-%d %H:%M} by {state.actor}; `mediacluster resume` goes on")


def resume(as_json: Json = False) -> None:
    """Let workers go on after a pause."""
    from backend.features.operations import resume_processing

    with open_services() as services:
        resumed = resume_processing(services, actor=actor_name())
    if as_json:
        print_json({"resumed": resumed})
    else:
        say("processing goes on" if resumed else "nothing was paused")


def register(app: typer.Typer) -> None:
    """Make these commands of the command line."""
    for command in (pause, resume):
        app.command()(command)
