"""`mediacluster cluster`, `media` and `history`: put groups right from the command line."""

import getpass
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from backend.cli.console import id_column, output, print_json, say
from backend.errors import MediaclusterError

if TYPE_CHECKING:
    from backend.features.services import Services
    from backend.rules.editing import Outcome
    from backend.store.access import Act
    from backend.store.engine import Database

cluster_app = typer.Typer(help="Look at clusters, and put them right.", no_args_is_help=True)
media_app = typer.Typer(help="Move, confirm, reword or delete media.", no_args_is_help=True)
history_app = typer.Typer(help="What was done to clusters, and undoing it.", no_args_is_help=True)

ClusterId = Annotated[int, typer.Argument(min=1, help="Id of the cluster.")]
EventId = Annotated[int, typer.Argument(min=1, help="Id of the event in the history.")]
MediaIds = Annotated[list[uuid.UUID], typer.Argument(help="Ids of the media.")]
Label = Annotated[str, typer.Option(help="Label of the new cluster.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

_MOVES_SHOWN = 20


@cluster_app.command(name="list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most clusters to show.")] = 50, as_json: Json = False
) -> None:
    """List clusters, largest first."""
    from backend.store.groups import list_clusters

    with open_services() as services, services.database.transaction() as session:
        clusters = list_clusters(session, limit=limit)
    if as_json:
        print_json([asdict(one) for one in clusters])
        return
    table = Table("cluster", "size", "label", "")
    for one in clusters:
        table.add_row(str(one.id), str(one.size), one.label, "locked" if one.locked else "")
    output.print(table)


@cluster_app.command()
def show(
    cluster_id: ClusterId,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most members to show.")] = 50,
    as_json: Json = False,
) -> None:
    """Show a cluster and its members, most similar first."""
    from backend.store.groups import get_cluster, list_members

    with open_services() as services, services.database.transaction() as session:
        cluster = get_cluster(session, cluster_id)
        members = list_members(session, cluster_id, limit=limit)
    if as_json:
        print_json(asdict(cluster) | {"members": [asdict(member) for member in members]})
        return
    name = f"{cluster.label or cluster.id}: {cluster.size}"
    table = Table(id_column("media"), "similarity", "decided by", "title", title=name)
    for member in members:
        table.add_row(str(member.media_id), f"{member.similarity:.4f}", member.origin, member.title)
    output.print(table)


@cluster_app.command()
def rename(
    cluster_id: ClusterId,
    label: Annotated[str, typer.Argument(help="The label; no machine changes it again.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Label a cluster."""
    from backend.features.editing import Rename, perform

    _run(lambda s, actor: perform(s, Rename(cluster_id, label), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def representative(
    cluster_id: ClusterId,
    media_id: Annotated[uuid.UUID, typer.Argument(help="The member.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let one member stand for its cluster."""
    from backend.features.editing import ChooseRepresentative, perform

    _run(lambda s, actor: perform(s, ChooseRepresentative(cluster_id, media_id), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def lock(cluster_id: ClusterId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Let a cluster take no automatic members."""
    from backend.features.editing import Lock, perform

    _run(lambda s, actor: perform(s, Lock(cluster_id), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def unlock(cluster_id: ClusterId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Let a cluster take automatic members again."""
    from backend.features.editing import Unlock, perform

    _run(lambda s, actor: perform(s, Unlock(cluster_id), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def merge(
    into: Annotated[int, typer.Argument(min=1, help="The cluster that stays.")],
    cluster_ids: Annotated[list[int], typer.Argument(min=1, help="The clusters that go up in it.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Merge clusters into one."""
    from backend.features.editing import Merge, perform

    _run(lambda s, actor: perform(s, Merge(tuple(cluster_ids), into), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def split(
    cluster_id: ClusterId,
    media_ids: Annotated[
        list[uuid.UUID] | None, typer.Argument(help="The members that leave. None: as the machine proposes.")
    ] = None,
    label: Label = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Part a cluster in two."""
    from backend.features.editing import Split, perform, propose_split

    def work(services: "Services", actor: str) -> "Outcome":
        leaving = media_ids or propose_split(services, cluster_id).right
        return perform(services, Split(cluster_id, tuple(leaving), label), actor=actor, dry_run=dry_run)

    _run(work, as_json)


@cluster_app.command()
def dissolve(cluster_id: ClusterId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Give a cluster up: each member joins the nearest other one, or stands alone."""
    from backend.features.editing import Dissolve, perform

    _run(lambda s, actor: perform(s, Dissolve(cluster_id), actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def move(
    cluster_id: Annotated[int, typer.Argument(min=1, help="The cluster to move them to.")],
    media_ids: MediaIds,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Move media to a cluster: these, and no others."""
    from backend.features.editing import Move, perform

    _run(lambda s, actor: perform(s, Move(tuple(media_ids), cluster_id), actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def extract(media_ids: MediaIds, label: Label = "", dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make media a cluster of their own."""
    from backend.features.editing import Extract, perform

    _run(lambda s, actor: perform(s, Extract(tuple(media_ids), label), actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def confirm(media_ids: MediaIds, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Say that media are where they belong; no machine moves them then."""
    from backend.features.editing import Confirm, perform

    _run(lambda s, actor: perform(s, Confirm(tuple(media_ids)), actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def delete(
    media_ids: MediaIds,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Delete media for good, with originals, thumbnails and vectors."""
    from backend.features.editing import delete_media

    if not (yes or dry_run):
        typer.confirm(f"Delete {len(media_ids)} media for good? This cannot be undone.", abort=True, err=True)
    _run(lambda s, actor: delete_media(s, media_ids, actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def reword(
    media_id: Annotated[uuid.UUID, typer.Argument(help="Id of the media.")],
    title: Annotated[str | None, typer.Option(help="New title.")] = None,
    caption: Annotated[str | None, typer.Option(help="New caption.")] = None,
    keyword: Annotated[list[str] | None, typer.Option(help="New keywords, instead of all old ones.")] = None,
    location: Annotated[str | None, typer.Option(help="New location.")] = None,
    story: Annotated[str | None, typer.Option(help="New story.")] = None,
) -> None:
    """Change what is said of a media; the vectors of its words follow."""
    from backend.features.steps import TextChanges, rewrite_text

    keywords = None if keyword is None else tuple(keyword)
    changes = TextChanges(title=title, caption=caption, keywords=keywords, location=location, story=story)
    with open_services() as services:
        rewrite_text(services, media_id, changes, actor=actor_name())
    say(f"Media {media_id} is reworded.")


@history_app.command(name="list")
def list_events(
    cluster: Annotated[int | None, typer.Option(min=1, help="Only what touched this cluster.")] = None,
    media: Annotated[uuid.UUID | None, typer.Option(help="Only what touched this media.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most events to show.")] = 30,
    as_json: Json = False,
) -> None:
    """List what was done to clusters, newest first."""
    from backend.features.editing import list_history

    with open_services() as services, services.database.transaction() as session:
        events = list_history(session, cluster_id=cluster, media_id=media, limit=limit)
    if as_json:
        print_json([asdict(event) for event in events])
        return
    table = Table("event", "when", "who", "what", "")
    for event in events:
        when = event.created_at.astimezone().isoformat(sep=" ", timespec="seconds")
        table.add_row(str(event.id), when, event.actor, event.summary, "undone" if event.undone else "")
    output.print(table)


@history_app.command()
def undo(event_id: EventId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Put back what an event changed."""
    from backend.features.editing import history

    _run(lambda s, actor: history.undo(s, event_id, actor=actor, dry_run=dry_run), as_json)


@history_app.command()
def redo(event_id: EventId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Do once more what was undone."""
    from backend.features.editing import history

    _run(lambda s, actor: history.redo(s, event_id, actor=actor, dry_run=dry_run), as_json)


def print_outcome(outcome: "Outcome") -> None:
    """What was done, or would be, for people."""
    done = "Would do" if outcome.event_id is None else f"Event {outcome.event_id}"
    say(f"{done}: {outcome.summary}")
    for change in outcome.clusters:
        label = change.label_after or change.label_before
        say(f"  cluster {change.id} '{label}': {change.size_before} -> {change.size_after} members")
    for media_id, source, target in outcome.moved[:_MOVES_SHOWN]:
        say(f"  {media_id}: {source or '-'} -> {target or '-'}")
    if len(outcome.moved) > _MOVES_SHOWN:
        say(f"  and {len(outcome.moved) - _MOVES_SHOWN} more")
    for warning in outcome.warnings:
        say(f"  note: {warning}")


def _run(work: "Callable[[Services, str], Outcome]", as_json: bool) -> None:
    with open_services() as services:
        outcome = work(services, actor_name())
    if as_json:
        print_json(asdict(outcome))
    else:
        print_outcome(outcome)


@contextmanager
def open_services() -> "Iterator[Services]":
    from backend.bootstrap import build_services
    from backend.settings import load_settings

    services = build_services(load_settings())
    try:
        yield services
    finally:
        services.database.dispose()


def actor_name() -> str:
    """Who sits at the keyboard, as the journal names them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return f"cli:{Path.home().name or 'unknown'}"


def note(database: "Database", act: "Act", subject: str, **details: object) -> None:
    """Have the audit log say that it was done. It is done: where the log cannot be written, that is told and no more."""
    from backend.store.access import record_act

    try:
        with database.transaction() as session:
            record_act(session, actor_name(), act, subject, **details)
    except MediaclusterError as error:
        say(f"The audit log does not know of it: {error.full_detail}")
