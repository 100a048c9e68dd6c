"""`mediacluster review`, `decide`, `duplicates`, `keep` and `copies`: what deserves a curator's look."""

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from backend.cli.console import id_column, output, print_json, progress_bar, say
from backend.cli.editing import actor_name, open_services, print_outcome
from backend.rules.review import ReviewKind, ReviewVerdict

if TYPE_CHECKING:
    from backend.features.duplicates import NearDuplicateGroup
    from backend.store.review import ClusterInItem

keep_app = typer.Typer(help="Decide which near-duplicates to keep.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change without changing anything.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Largest number to show.")]


def review(
    kind: Annotated[ReviewKind | None, typer.Option(help="Kind of items to list. Default: a few of each kind.")] = None,
    limit: Limit = 20,
    refresh: Annotated[bool, typer.Option("--refresh", help="Rebuild the queue first.")] = False,
    as_json: Json = False,
) -> None:
    """List what needs review: small margins, outliers, captions that disagree, groups to merge or split."""
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
        say(f"\n{item_name(item.kind, item.subject)}  {item.title or ''}")
        second = f", beside {_name(item.other_cluster)}" if item.other_cluster else ""
        say(f"  in {_name(item.cluster)}{second}")
        say(f"  {explain(item)}")


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


def copies(limit: Limit = 50, as_json: Json = False) -> None:
    """List exact copies: files that were sent again, and from where."""
    from backend.store.media import list_exact_copies

    with open_services() as services, services.database.transaction() as session:
        found = list_exact_copies(session, limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = Table(id_column("picture"), "came first", "came again", "times", "last")
    for one in found:
        first, again = f"{one.media_source} {one.media_source_uri or ''}", f"{one.source} {one.source_uri}"
        table.add_row(str(one.media_id), first, again, str(one.times_sent), f"{one.last_sent_at:%Y-%m-%d %H:%M}")
    output.print(table)


def register(app: typer.Typer) -> None:
    """Make these commands of the command line."""
    for command in (review, decide, duplicates, copies):
        app.command()(command)
    app.add_typer(keep_app, name="keep")


def _print_group(group: "NearDuplicateGroup") -> None:
    say(f"keep  {group.keep.media_id}  {group.keep.title}")
    say(f"      {group.why}")
    for row in group.members:
        say(
            f"      {row.media_id}  {row.width} x {row.height}, {row.byte_size:,} bytes, cosine {row.similarity:.4f}, "
            f"{row.hash_distance} bits"
        )
    hidden = group.size - 1 - len(group.members)
    if hidden:
        say(f"      and {hidden} more")


def _name(cluster: "ClusterInItem") -> str:
    return f"group {cluster.id} '{cluster.label}' ({cluster.size})"
