"""`mediacluster space`: change the model of a running library."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.bounds import LISTED
from backend.cli.attached import end_with_input
from backend.cli.console import Table, complain, id_column, measured_bar, narrow_table, output, print_json, say
from backend.cli.library import actor_name, open_services
from backend.cli.panels import Panel
from backend.errors import InputError
from backend.rules.editing import media_count

if TYPE_CHECKING:
    from backend.features.model_change import Activation, Finding, SpaceStanding
    from backend.features.services import Services

commands = typer.Typer()
space_app = typer.Typer(
    help="Change the model: fill a new space, compare it with the active one, activate it.", no_args_is_help=True
)
commands.add_typer(space_app, name="space", rich_help_panel=Panel.QUALITY_AND_MODEL)

Name = Annotated[str, typer.Argument(help="Name of the space.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]

_POLL_SECONDS = 0.5
_STUCK_SECONDS = 10.0


@space_app.command(name="list")
def list_command(as_json: Json = False) -> None:
    """List the spaces, their models and how far each is filled."""
    from backend.features.model_change import list_standing

    with open_services() as services, services.database.transaction() as session:
        spaces = list_standing(session)
    if as_json:
        print_json([asdict(space) | {"missing": space.missing} for space in spaces])
        return
    table = narrow_table("space", "state", "models", "pictures", "waiting", "failed", "threshold", "")
    for space in spaces:
        image, text = _short(space.image_model), _short(space.text_model)
        table.add_row(
            space.name,
            space.state,
            f"{image} ({space.image_dimension})\n{text} ({space.text_dimension})",
            f"{space.counts.embedded:,} of\n{space.counts.media:,}",
            f"{space.counts.waiting:,}" if space.kept_up else "",
            f"{space.counts.failed:,}" if space.kept_up else "",
            "" if space.threshold is None else f"{space.threshold:g}",
            _describe_fill(space),
        )
    output.print(table)
    for space in spaces:
        _say_problem(space)


@space_app.command()
def create(
    preset: Annotated[str | None, typer.Option(help="cpu, quality, guide or demo.")] = None,
    image_model: Annotated[
        str | None, typer.Option(help="OpenCLIP architecture, hf-hub: name or local-dir: path.")
    ] = None,
    image_checkpoint: Annotated[str | None, typer.Option(help="OpenCLIP tag, or path of a checkpoint.")] = None,
    text_model: Annotated[str | None, typer.Option(help="sentence-transformers name, or path of a folder.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the space. Default: the name of the preset.")] = None,
    as_json: Json = False,
) -> None:
    """Create an empty space with other encoders. Options that are not given come from the preset, or else from the
    active space."""
    from backend.encoders import PRESETS
    from backend.features.model_change import choose_names, make_space

    if not (preset or image_model or image_checkpoint or text_model):
        raise InputError("No encoders were named.", hint="Give --preset quality, or --image-model and --text-model.")
    if preset is not None and preset not in PRESETS:
        raise InputError(f"There is no preset '{preset}'.", hint=f"Available presets: {', '.join(PRESETS)}.")
    with open_services() as services:
        names = choose_names(services, preset, image_model, image_checkpoint, text_model)
        space = make_space(services, names, name=name, actor=actor_name())
    if as_json:
        print_json({"id": space.id, "name": space.name, "state": space.state})
    else:
        say(f"created space '{space.name}'; fill it with `mediacluster space fill {space.name}`")


@space_app.command()
def fill(
    name: Name,
    pause: Annotated[bool, typer.Option("--pause", help="Pause filling the space.")] = False,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Largest number of pictures per minute.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Retry failed pictures.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until it is done or cannot continue.")] = False,
    as_json: Json = False,
) -> None:
    """Fill a space in the background, or continue after a pause. May be repeated."""
    from backend.features.model_change import fill as begin
    from backend.features.model_change import pause_fill

    with open_services() as services:
        if pause:
            pause_fill(services, name, actor=actor_name())
        else:
            begin(services, name, actor=actor_name(), rate_per_minute=rate, retry_failed=retry_failed)
        space = _wait_for_fill(services, name, quiet=as_json) if wait and not pause else _standing_of(services, name)
    is_stuck = wait and space.problem is not None and space.counts.waiting > 0
    if as_json:
        print_json(asdict(space.counts) | {"paused": space.paused, "missing": space.missing, "problem": space.problem})
        if is_stuck:
            raise typer.Exit(1)
        return
    say(
        f"space '{name}': {space.counts.embedded:,} of {space.counts.media:,} pictures, {space.counts.waiting:,} wait, "
        f"{space.counts.failed:,} failed{', paused' if space.paused else ''}"
    )
    _say_problem(space)
    if space.counts.failed:
        say(f"  `mediacluster space failures {name}` lists what failed, and why")
    if is_stuck:
        raise typer.Exit(1)


@space_app.command()
def failures(
    name: Name,
    limit: Annotated[
        int, typer.Option(min=LISTED.low, max=LISTED.high, help="Largest number of pictures to show.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """List pictures that could not be embedded into a space, and why."""
    from backend.features.model_change import list_failed

    with open_services() as services:
        failed = list_failed(services, name, limit)
    if as_json:
        print_json([asdict(one) for one in failed])
        return
    if not failed:
        say(f"no failures in space '{name}'")
        return
    table = Table(id_column("picture"), "title", "reason")
    for one in failed:
        table.add_row(str(one.media_id), one.shown_title, f"{one.error_code}: {one.error_detail}")
    output.print(table)


@space_app.command()
def compare(
    name: Name,
    most_media: Annotated[
        int, typer.Option("--most-media", min=2, max=100_000, help="Number of pictures in the sample.")
    ] = 5_000,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Evaluate both by folders, groups, judgements, or a file. Default: the first with enough data."
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the file that holds the label.")] = "label",
    as_json: Json = False,
) -> None:
    """Compare a space with the active one: groups, search quality and a suggested threshold."""
    from backend.cli.evaluation import show_bars
    from backend.features.evaluation import Source
    from backend.features.model_change import compare as compare_named

    source = None if labels is None else Source(labels, column)
    with open_services() as services, show_bars(quiet=as_json) as show:
        found = compare_named(
            services, name, most_media=most_media, source=source, actor=actor_name(), on_progress=show
        )
    if as_json:
        print_json(found.to_json())
        return
    table = narrow_table("grouping", found.active.name, found.candidate.name)
    here, there = found.active, found.candidate
    table.add_row("threshold", f"{here.threshold:g}", f"{there.threshold:g}")
    table.add_row("groups with this threshold", f"{here.groups:,}", f"{there.groups:,}")
    table.add_row("agreement with current groups (ARI)", f"{here.agreement:.3f}", f"{there.agreement:.3f}")
    table.add_row(
        "agreement where curators decided", _or_dash(here.curated_agreement), _or_dash(there.curated_agreement)
    )
    table.add_row("current groups that would change", f"{here.changed_groups:.1%}", f"{there.changed_groups:.1%}")
    table.add_row("curators' decisions not reproduced", f"{here.separation:.1%}", f"{there.separation:.1%}")
    output.print(table)
    say(
        f"of {found.media:,} pictures{' (a sample of whole groups)' if found.sampled else ''} the ten nearest are the same to "
        f"{found.nearest_image:.1%} by picture and {_or_dash(found.nearest_text, '.1%')} by words; "
        f"{found.missing:,} pictures are missing in '{name}'"
    )
    _print_finding(found.finding, found.active.name, found.candidate.name)
    say("agreement by threshold: " + ", ".join(f"{threshold:g}: {value:.3f}" for threshold, value in found.curve))
    say(f"activate it at {found.suggested_threshold:g} with `mediacluster space activate {name} --threshold suggested`")


@space_app.command()
def activate(
    name: Name,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="A cosine, or `suggested` for the result of comparing. Default: the threshold it had before."
        ),
    ] = None,
    wait_seconds: Annotated[float, typer.Option("--wait-seconds", min=0, help="Seconds to wait for workers.")] = 600.0,
    without_failed: Annotated[
        bool,
        typer.Option(
            "--without-failed",
            help="Set aside pictures that failed in it: they leave their groups and are not found until "
            "the active space has them again.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Activate a space while uploads and searches continue. Groups keep their members and labels."""
    from backend.features.model_change import activate as activate_named

    suggested = threshold == "suggested"
    value = None if threshold is None or suggested else _parse_threshold(threshold)
    with open_services() as services:
        done = activate_named(
            services,
            name,
            threshold=value,
            suggested=suggested,
            actor=actor_name(),
            wait_seconds=wait_seconds,
            without_failed=without_failed,
            tell=_ignore_line if as_json else complain,
        )
    _say_activation(done, as_json)


@space_app.command()
def rollback(
    wait_seconds: Annotated[float, typer.Option("--wait-seconds", min=0, help="Seconds to wait for workers.")] = 600.0,
    as_json: Json = False,
) -> None:
    """Go back to the previously active space and its threshold."""
    from backend.features.model_change import rollback as roll_back

    with open_services() as services:
        tell = _ignore_line if as_json else complain
        done = roll_back(services, actor=actor_name(), wait_seconds=wait_seconds, tell=tell)
    _say_activation(done, as_json)


@space_app.command()
def drop(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Drop a space and all its vectors. The active space cannot be dropped."""
    from backend.features.model_change import drop as drop_named

    if not yes:
        typer.confirm(f"Drop space '{name}' and all its vectors? This cannot be undone.", abort=True, err=True)
    with open_services() as services:
        drop_named(services, name, actor=actor_name())
    say(f"dropped space '{name}'")


@space_app.command()
def work(
    work_id: Annotated[int, typer.Argument(help="Id of the task.")],
    attached: Annotated[bool, typer.Option("--attached", help="Stop when standard input is closed.")] = False,
) -> None:
    """Run a task of the Model page. The server starts this command itself."""
    from backend.features.model_change import perform

    if attached:
        end_with_input()
    with open_services() as services:
        say(perform(services, work_id))


def _print_finding(finding: "Finding | None", active: str, candidate: str) -> None:
    if finding is None:
        say(
            "search quality was not measured: too few judgements, labelled folders or curated "
            "groups; give --labels FILE"
        )
        return
    measure = finding.tasks[0].measure
    table = narrow_table(f"finding, {measure}", active, candidate, "difference", "queries", "")
    for one in finding.tasks:
        change = one.difference
        table.add_row(
            one.task.replace("_", " "),
            f"{one.active:.3f}",
            f"{one.candidate:.3f}",
            f"{change.value:+.3f} ({change.low:+.2f} to {change.high:+.2f})",
            f"{one.queries:,}",
            "as good" if one.verdict == "same" else one.verdict,
        )
    output.print(table)
    say(f"by {finding.origin}, {finding.media:,} pictures that have vectors in both")
    say("no significant difference")
    for reason in finding.left_out:
        complain(f"not compared: {reason}")


def _say_activation(done: "Activation", as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
        return
    say(f"space '{done.name}' replaces '{done.previous}' at threshold {done.threshold:g}")
    if done.set_aside:
        say(
            f"  {done.set_aside:,} pictures are set aside (`mediacluster status` counts them as not_in_space): they are in no group and "
            "are not found; their vectors in the space before are kept until it is dropped"
        )
    if done.led_back:
        say(f"  {media_count(done.led_back)} set aside earlier are grouped again")
    say(f"  uploads waited {done.seconds:.1f} s for their groups; go back with `mediacluster space rollback`")


def _parse_threshold(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError(
            f"'{word}' is not a valid threshold.",
            hint="Give a number above 0 and up to 1, such as 0.82, or `suggested`.",
        ) from None


def _ignore_line(_line: str) -> None:
    pass


def _or_dash(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def _standing_of(services: "Services", name: str) -> "SpaceStanding":
    from backend.features.model_change import list_standing
    from backend.store.spaces import get_space

    with services.database.transaction() as session:
        wanted = get_space(session, name).id
        return next(space for space in list_standing(session) if space.id == wanted)


def _say_problem(space: "SpaceStanding") -> None:
    if space.problem:
        say(f"workers cannot fill space '{space.name}': {space.problem}")


def _wait_for_fill(services: "Services", name: str, *, quiet: bool) -> "SpaceStanding":
    """Wait until the space is filled, paused or stuck, and return its last state."""
    space = _standing_of(services, name)
    stuck_since: float | None = None
    # Uploads continue, so the total grows.
    with measured_bar("filling", quiet=quiet) as show:
        while space.counts.waiting and not space.paused:
            show(space.counts.embedded, space.counts.media)
            time.sleep(_POLL_SECONDS)
            embedded, space = space.counts.embedded, _standing_of(services, name)
            # With several machines, only some may lack the weights.
            if not space.problem or space.counts.embedded > embedded:
                stuck_since = None
            elif time.monotonic() - (stuck_since := stuck_since or time.monotonic()) > _STUCK_SECONDS:
                break
        show(space.counts.embedded, space.counts.media)
    return space


def _describe_fill(space: "SpaceStanding") -> str:
    if space.paused:
        return "paused"
    if space.problem:
        return "cannot be filled"
    rate = "" if space.rate_per_minute is None else f", {space.rate_per_minute:g} a minute"
    return f"filling{rate}" if space.kept_up and space.counts.waiting else ""


def _short(model: str) -> str:
    """The last part of a path."""
    return model.rstrip("/").rpartition("/")[2] or model
