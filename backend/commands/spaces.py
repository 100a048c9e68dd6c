"""`mediacluster space`: change the model of the library while it serves."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from backend.commands.console import id_column, output, print_json, progress_bar, say
from backend.commands.curating import actor_name, open_services
from backend.errors import InputError

if TYPE_CHECKING:
    from backend.services import Services
    from backend.spaces.making import SpaceStanding

space_app = typer.Typer(
    help="Change the model: fill a space beside the active one, compare, activate.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Name of the space.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]

_POLL_SECONDS = 0.5


@space_app.command(name="list")
def list_command(as_json: Json = False) -> None:
    """List the spaces, their models, and how far each is filled."""
    from backend.spaces.making import list_standing

    with open_services() as services, services.database.transaction() as session:
        spaces = list_standing(session)
    if as_json:
        print_json([asdict(space) | {"missing": space.missing} for space in spaces])
        return
    table = Table("space", "state", "image model", "text model", "media", "waiting", "failed", "threshold", "")
    for space in spaces:
        table.add_row(
            escape(space.name),
            space.state,
            escape(f"{_short(space.image_model)} ({space.image_dimension})"),
            escape(f"{_short(space.text_model)} ({space.text_dimension})"),
            f"{space.counts.embedded:,}",
            f"{space.counts.waiting:,}" if space.kept_up else "",
            f"{space.counts.failed:,}" if space.kept_up else "",
            "" if space.threshold is None else f"{space.threshold:g}",
            _describe_fill(space),
        )
    output.print(table)


@space_app.command()
def create(
    preset: Annotated[str | None, typer.Option(help="cpu, quality, guide or demo.")] = None,
    image_model: Annotated[
        str | None, typer.Option(help="OpenCLIP architecture, hf-hub: name or local-dir: path.")
    ] = None,
    image_checkpoint: Annotated[str | None, typer.Option(help="OpenCLIP tag, or path of a checkpoint.")] = None,
    text_model: Annotated[str | None, typer.Option(help="sentence-transformers name, or path of a folder.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the space; else that of the preset.")] = None,
    as_json: Json = False,
) -> None:
    """Make a space of other encoders beside the active one, empty. What is not named is as in the preset, and
    without one as in the active space."""
    from backend.embedding.presets import PRESETS
    from backend.spaces.making import choose_names, make_space

    if not (preset or image_model or image_checkpoint or text_model):
        raise InputError("No encoders were named.", hint="Give --preset quality, or --image-model and --text-model.")
    if preset is not None and preset not in PRESETS:
        raise InputError(f"There is no preset '{preset}'.", hint=f"There are {', '.join(PRESETS)}.")
    with open_services() as services:
        names = choose_names(services, preset, image_model, image_checkpoint, text_model)
        space = make_space(services, names, name=name, actor=actor_name())
    if as_json:
        print_json({"id": space.id, "name": space.name, "state": space.state})
    else:
        say(f"space '{space.name}' is made; `mediacluster space fill {space.name}` has workers fill it")


@space_app.command()
def fill(
    name: Name,
    pause: Annotated[
        bool, typer.Option("--pause", help="Embed nothing more into it until it is filled again.")
    ] = False,
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many media a minute.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what has failed.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Show the progress until it is done.")] = False,
    as_json: Json = False,
) -> None:
    """Have workers embed the library into a space, beside uploads; go on after a pause. May be repeated."""
    from backend.spaces.filling import fill as begin
    from backend.spaces.filling import pause_fill

    with open_services() as services:
        if pause:
            pause_fill(services, name, actor=actor_name())
        else:
            begin(services, name, actor=actor_name(), rate_per_minute=rate, retry_failed=retry_failed)
        space = _wait_for_fill(services, name, quiet=as_json) if wait and not pause else _standing_of(services, name)
    if as_json:
        print_json(asdict(space.counts) | {"paused": space.paused, "missing": space.missing})
        return
    say(
        f"space '{name}': {space.counts.embedded:,} of {space.counts.media:,} media, {space.counts.waiting:,} wait, "
        f"{space.counts.failed:,} failed{', paused' if space.paused else ''}"
    )
    if space.counts.failed:
        say(f"  `mediacluster space failures {name}` lists what failed, and why")


@space_app.command()
def failures(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most media to show.")] = 50,
    as_json: Json = False,
) -> None:
    """List media that could not be embedded into a space, and why."""
    from backend.spaces.filling import list_failed

    with open_services() as services:
        failed = list_failed(services, name, limit)
    if as_json:
        print_json([asdict(one) for one in failed])
        return
    table = Table(id_column("media"), "title", "reason")
    for one in failed:
        table.add_row(str(one.media_id), escape(one.title), escape(f"{one.error_code}: {one.error_detail}"))
    output.print(table)


@space_app.command()
def drop(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Drop a space and all its vectors. Refuses the active one."""
    from backend.spaces.making import drop as drop_named

    if not yes:
        typer.confirm(f"Drop space '{name}' and all its vectors? This cannot be undone.", abort=True, err=True)
    with open_services() as services:
        drop_named(services, name, actor=actor_name())
    say(f"space '{name}' is dropped")


def _standing_of(services: "Services", name: str) -> "SpaceStanding":
    from backend.db.spaces import get_space
    from backend.spaces.making import list_standing

    with services.database.transaction() as session:
        wanted = get_space(session, name).id
        return next(space for space in list_standing(session) if space.id == wanted)


def _wait_for_fill(services: "Services", name: str, *, quiet: bool) -> "SpaceStanding":
    space = _standing_of(services, name)
    with progress_bar("filling", space.counts.media, quiet=quiet) as show:
        while space.counts.waiting and not space.paused:
            show(space.counts.embedded)
            time.sleep(_POLL_SECONDS)
            space = _standing_of(services, name)
        show(space.counts.embedded)
    return space


def _describe_fill(space: "SpaceStanding") -> str:
    if space.paused:
        return "paused"
    rate = "" if space.rate_per_minute is None else f" at most {space.rate_per_minute:g} a minute"
    return f"filling{rate}" if space.kept_up and space.counts.waiting else ""


def _short(model: str) -> str:
    """The last part of a path."""
    return model.rstrip("/").rpartition("/")[2] or model
