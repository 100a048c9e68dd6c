"""`mediacluster review` and `decide`: the review queue."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import print_json, say
from backend.cli.editing import print_outcome
from backend.cli.library import actor_name, open_services
from backend.cli.options import DryRun, Json, Limit
from backend.cli.panels import Panel
from backend.rules.review import ReviewKind, ReviewVerdict

if TYPE_CHECKING:
    from backend.store.review import ClusterInItem

commands = typer.Typer()


@commands.command(rich_help_panel=Panel.CURATION)
def review(
    kind: Annotated[ReviewKind | None, typer.Option(help="Kind of items to list. Default: a few of each kind.")] = None,
    limit: Limit = 20,
    refresh: Annotated[bool, typer.Option("--refresh", help="Rebuild the queue first.")] = False,
    as_json: Json = False,
) -> None:
    """List what needs review: pictures that may be in the wrong group, and groups to merge or split."""
    from backend.features.review import explain, item_name, read_queue, refresh_queue

    with open_services() as services:
        if refresh:
            refresh_queue(services)
        pages = {one: read_queue(services, one, limit=limit) for one in ([kind] if kind else ReviewKind)}
    counts = next(iter(pages.values())).counts
    items = [item for page in pages.values() for item in page.items]
    if as_json:
        named = [{"id": item_name(item.kind, item.subject), "why": explain(item), **asdict(item)} for item in items]
        print_json({"counts": counts, "items": named})
        return
    for one, count in counts.items():
        say(f"{count:>6} {one}")
    for item in items:
        say("")
        say(f"{item_name(item.kind, item.subject)}  {item.shown_title or ''}")
        second = f", beside {_name(item.other_cluster)}" if item.other_cluster else ""
        say(f"  in {_name(item.cluster)}{second}")
        say(f"  {explain(item)}")


@commands.command(rich_help_panel=Panel.CURATION)
def decide(
    item: Annotated[str, typer.Argument(help="Id of the item, as listed by `mediacluster review`.")],
    decision: Annotated[ReviewVerdict, typer.Argument(help="accept, correct or dismiss.")],
    cluster: Annotated[
        int | None, typer.Option(min=1, help="With correct: the group that the picture belongs to.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Accept, correct or dismiss an item of the review queue."""
    from backend.features.review import decide as decide_item

    with open_services() as services:
        decided = decide_item(services, item, decision, actor=actor_name(), cluster_id=cluster, dry_run=dry_run)
    if as_json:
        print_json(asdict(decided))
    elif decided.outcome is None:
        say(f"{decision}: {item}")
    else:
        print_outcome(decided.outcome)


def _name(cluster: "ClusterInItem") -> str:
    return f"group {cluster.id} '{cluster.label}' ({cluster.size})"
