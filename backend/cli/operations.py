"""`mediacluster doctor`, `pause`, `resume` and `retry`: diagnose problems, pause workers, retry failures."""

import uuid
from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.closing import closing
from backend.cli.console import print_json, say
from backend.cli.library import actor_name, open_services
from backend.cli.options import Json
from backend.cli.panels import Panel
from backend.errors import InputError, join_reason
from backend.rules.editing import media_count
from backend.settings import load_settings

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.BEGIN)
def doctor(as_json: Json = False) -> None:
    """Check database, broker, storage and encoders, and say how to fix problems."""
    from backend.bootstrap import build_services
    from backend.features.operations import diagnose

    services = closing(build_services(load_settings()))
    findings = diagnose(services)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            found = join_reason(finding.detail, finding.reason)
            say(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {found}", multiline=True)
            if finding.hint:
                say(f"     {finding.hint}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@commands.command(rich_help_panel=Panel.PROCESSES)
def pause(as_json: Json = False) -> None:
    """Pause processing. Work in progress is finished, and new uploads wait."""
    from backend.features.operations import pause_processing

    with open_services() as services:
        state = pause_processing(services, actor=actor_name())
    if as_json:
        print_json(asdict(state))
    else:
        say(f"paused since {state.paused_at:%Y-%m-%d %H:%M} by {state.actor}; continue with `mediacluster resume`")


@commands.command(rich_help_panel=Panel.PROCESSES)
def resume(as_json: Json = False) -> None:
    """Continue processing after a pause."""
    from backend.features.operations import resume_processing

    with open_services() as services:
        resumed = resume_processing(services, actor=actor_name())
    if as_json:
        print_json({"resumed": resumed})
    else:
        say("processing continues" if resumed else "processing was not paused")


@commands.command(rich_help_panel=Panel.PROCESSES)
def retry(
    media_ids: Annotated[list[uuid.UUID] | None, typer.Argument(help="Ids of failed pictures.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Retry all failed pictures.")] = False,
) -> None:
    """Retry failed pictures."""
    from backend.bootstrap import build_services
    from backend.features.operations import retry_all, retry_media

    if everything == bool(media_ids):
        raise InputError("No pictures to retry were named.", hint="Give the ids of failed pictures, or --all.")
    services = closing(build_services(load_settings()))
    count = (
        retry_all(services, actor=actor_name())
        if everything
        else retry_media(services, media_ids or [], actor=actor_name())
    )
    say(f"{media_count(count)} queued for another try")
