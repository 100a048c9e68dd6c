"""`mediacluster duplicates` and `keep`: near-duplicates, and which of them to keep."""

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import print_json, progress_bar, say
from backend.cli.editing import print_outcome
from backend.cli.library import actor_name, open_services
from backend.cli.options import DryRun, Json, Limit
from backend.cli.panels import Panel

if TYPE_CHECKING:
    from backend.features.duplicates import NearDuplicateGroup

commands = typer.Typer()
keep_app = typer.Typer(help="Decide which near-duplicates to keep.", no_args_is_help=True)
commands.add_typer(keep_app, name="keep", rich_help_panel=Panel.CURATION)


@commands.command(rich_help_panel=Panel.CURATION)
def duplicates(
    limit: Limit = 50,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Hash pictures without a hash, and compare all pictures again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List near-duplicates: versions of one picture, best first."""
    from backend.features.duplicates import compare_all, compare_waiting, hash_missing, read_groups

    with open_services() as services:
        if refresh:
            with progress_bar("hashing", 0, quiet=as_json) as show:
                hash_missing(services, on_progress=show)
            compare_all(services)
        else:
            compare_waiting(services)
        page = read_groups(services, limit=limit)
    if as_json:
        print_json({"groups": page.group_count, "spare": page.spare_count, "shown": [asdict(g) for g in page.groups]})
        return
    for group in page.groups:
        _print_group(group)
    say(f"{page.group_count} groups with {page.spare_count} pictures that need not be kept")


@keep_app.command(name="best")
def keep_best_command(
    keep: Annotated[uuid.UUID, typer.Argument(help="Id of the picture to keep.")],
    others: Annotated[list[uuid.UUID], typer.Argument(help="Ids of its near-duplicates to delete permanently.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Keep one picture of a group of near-duplicates and delete others permanently."""
    from backend.features.duplicates import keep_best

    if not (yes or dry_run):
        question = f"Keep {keep} and delete {len(others)} near-duplicates permanently? This cannot be undone."
        typer.confirm(question, abort=True, err=True)
    with open_services() as services:
        outcome = keep_best(services, keep, others, actor=actor_name(), dry_run=dry_run)
    if as_json:
        print_json(asdict(outcome))
    else:
        print_outcome(outcome)


@keep_app.command(name="all")
def keep_all_command(
    media_ids: Annotated[list[uuid.UUID], typer.Argument(help="Ids of two or more near-duplicates of one group.")],
) -> None:
    """Keep all these near-duplicates. They are not suggested again."""
    from backend.features.duplicates import keep_all

    with open_services() as services:
        keep_all(services, media_ids, actor=actor_name())
    say(f"Kept all {len(set(media_ids))} pictures.")


def _print_group(group: "NearDuplicateGroup") -> None:
    say(f"keep  {group.keep.media_id}  {group.keep.shown_title}")
    say(f"      {group.why}")
    for row in group.members:
        say(
            f"      {row.media_id}  {row.width} x {row.height}, {row.byte_size:,} bytes, cosine {row.similarity:.4f}, "
            f"{row.hash_distance} bits"
        )
    hidden = group.size - 1 - len(group.members)
    if hidden:
        say(f"      and {hidden} more")
