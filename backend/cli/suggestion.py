"""`mediacluster suggest`: suggest an alpha and a threshold, with reasons."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import print_json, say
from backend.cli.library import actor_name, open_services
from backend.cli.panels import Panel
from backend.errors import InputError

if TYPE_CHECKING:
    from backend.features.evaluation import Evaluation, OnProgress
    from backend.features.services import Services


commands = typer.Typer()


@commands.command(rich_help_panel=Panel.QUALITY_AND_MODEL)
def suggest(
    labels: Annotated[
        str | None,
        typer.Option(help="folders, groups, judgements, or a file. Default: the first of the three with enough data."),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the file that holds the label.")] = "label",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    apply: Annotated[
        bool, typer.Option("--apply", help="Apply the suggestions, each as one event that can be undone.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --apply: show what would change without changing anything.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> None:
    """Suggest an alpha and a threshold for this library, with reasons, if there is enough data."""
    from backend.cli.evaluation import show_bars
    from backend.features.consolidation import apply_threshold
    from backend.features.editing import apply_alpha
    from backend.rules.measures import suggest as decide

    if dry_run and not apply:
        raise InputError(
            "--dry-run needs --apply: nothing is changed without it.", hint="Omit --dry-run, or add --apply."
        )
    with open_services() as services:
        with show_bars() as show:
            evaluation = _evaluate(services, labels, column, seed, show)
        suggestions = () if evaluation is None else decide(evaluation.as_json())
        outcomes = []
        for one in suggestions:
            if apply and one.value is not None:
                act = apply_alpha if one.knob == "alpha" else apply_threshold
                outcomes.append(act(services, one.value, actor=actor_name(), dry_run=dry_run))
    if as_json:
        origin = None if evaluation is None else evaluation.truth.origin
        found = {"origin": origin, "suggestions": suggestions, "outcomes": outcomes}
        print_json(
            {
                name: [asdict(one) for one in value] if isinstance(value, (list, tuple)) else value
                for name, value in found.items()
            }
        )
        return
    if evaluation is None:
        say(
            "Nothing is suggested: there are no labels in folders, no curated groups and no "
            "judgements. See docs/how-to/evaluate.md."
        )
        return
    say(f"by {evaluation.truth.origin}, {evaluation.truth.media_count:,} pictures:")
    for one in suggestions:
        say(
            f"{one.knob}: {'leave it at' if one.value is None else f'{one.value:g} instead of'} {one.present:g}: {one.reason}"
        )
    for outcome in outcomes:
        undo = "" if outcome.event_id is None else f"; undo it with: mediacluster history undo {outcome.event_id}"
        say(f"{outcome.summary}{undo}")


def _evaluate(
    services: "Services", labels: str | None, column: str, seed: int, show: "OnProgress"
) -> "Evaluation | None":
    """Evaluate by the named labels, otherwise by the first source with two labels."""
    from backend.features.evaluation import Options, Source, evaluate, evaluate_by_any

    options = Options(seed=seed)
    if labels is not None:
        return evaluate(services, Source(labels, column), options, show)
    return evaluate_by_any(services, options, show)
