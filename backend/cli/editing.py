"""`mediacluster cluster`, `media` and `history`: curation from the command line."""

import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from backend.bounds import LISTED
from backend.cli.console import Table, id_column, output, print_json, say
from backend.cli.library import actor_name, open_services
from backend.cli.options import DryRun, Json
from backend.cli.panels import Panel
from backend.rules.editing import media_count

if TYPE_CHECKING:
    from backend.features.services import Services
    from backend.rules.editing import Outcome

commands = typer.Typer()
cluster_app = typer.Typer(help="List and correct groups.", no_args_is_help=True)
media_app = typer.Typer(help="Show, move, confirm, reword or delete pictures.", no_args_is_help=True)
history_app = typer.Typer(help="List, undo and redo changes to groups.", no_args_is_help=True)
commands.add_typer(cluster_app, name="cluster", rich_help_panel=Panel.GROUPS)
commands.add_typer(media_app, name="media", rich_help_panel=Panel.GROUPS)
commands.add_typer(history_app, name="history", rich_help_panel=Panel.GROUPS)

ClusterId = Annotated[int, typer.Argument(min=1, help="Id of the group.")]
EventId = Annotated[int, typer.Argument(min=1, help="Id of the event in the history.")]
MediaId = Annotated[uuid.UUID, typer.Argument(help="Id of the picture.")]
MediaIds = Annotated[list[uuid.UUID], typer.Argument(help="Ids of the pictures.")]
Label = Annotated[str, typer.Option(help="Label of the new group.")]

_MOVES_SHOWN = 20


@cluster_app.command(name="list")
def list_command(
    limit: Annotated[int, typer.Option(min=LISTED.low, max=LISTED.high, help="Largest number of groups to show.")] = 50,
    as_json: Json = False,
) -> None:
    """List groups, largest first."""
    from backend.store.groups import list_clusters

    with open_services() as services, services.database.transaction() as session:
        clusters = list_clusters(session, limit=limit)
    if as_json:
        print_json([asdict(one) for one in clusters])
        return
    table = Table("group", "size", "label", "")
    for one in clusters:
        table.add_row(str(one.id), str(one.size), one.label, "locked" if one.locked else "")
    output.print(table)


@cluster_app.command()
def show(
    cluster_id: ClusterId,
    limit: Annotated[
        int, typer.Option(min=LISTED.low, max=LISTED.high, help="Largest number of members to show.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Show a group and its members, most similar first."""
    from backend.store.groups import get_cluster, list_members

    with open_services() as services, services.database.transaction() as session:
        cluster = get_cluster(session, cluster_id)
        members = list_members(session, cluster_id, limit=limit)
    if as_json:
        print_json(asdict(cluster) | {"members": [asdict(member) for member in members]})
        return
    name = f"{cluster.label or cluster.id}: {cluster.size}"
    table = Table(id_column("picture"), "similarity", "decided by", "title", title=name)
    for member in members:
        table.add_row(str(member.media_id), f"{member.similarity:.4f}", member.origin, member.shown_title)
    output.print(table)


@cluster_app.command()
def rename(
    cluster_id: ClusterId,
    label: Annotated[str, typer.Argument(help="The label. Automatic labelling will not change it.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Label a group."""
    from backend.features.editing import Rename, perform

    _run(lambda s, actor: perform(s, Rename(cluster_id, label), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def representative(
    cluster_id: ClusterId,
    media_id: Annotated[uuid.UUID, typer.Argument(help="Id of the member.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Choose the member that represents its group."""
    from backend.features.editing import ChooseRepresentative, perform

    _run(lambda s, actor: perform(s, ChooseRepresentative(cluster_id, media_id), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def lock(cluster_id: ClusterId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Lock a group: no picture joins or leaves it automatically."""
    from backend.features.editing import Lock, perform

    _run(lambda s, actor: perform(s, Lock(cluster_id), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def unlock(cluster_id: ClusterId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Unlock a group."""
    from backend.features.editing import Unlock, perform

    _run(lambda s, actor: perform(s, Unlock(cluster_id), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def merge(
    into: Annotated[int, typer.Argument(min=1, help="The group that stays.")],
    cluster_ids: Annotated[list[int], typer.Argument(min=1, help="The groups to merge into it.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Merge groups into one."""
    from backend.features.editing import Merge, perform

    _run(lambda s, actor: perform(s, Merge(tuple(cluster_ids), into), actor=actor, dry_run=dry_run), as_json)


@cluster_app.command()
def split(
    cluster_id: ClusterId,
    media_ids: Annotated[
        list[uuid.UUID] | None, typer.Argument(help="Members to split off. Default: the proposed half.")
    ] = None,
    label: Label = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Split a group in two."""
    from backend.features.editing import Split, perform, propose_split

    def work(services: "Services", actor: str) -> "Outcome":
        leaving = media_ids or propose_split(services, cluster_id).right
        return perform(services, Split(cluster_id, tuple(leaving), label), actor=actor, dry_run=dry_run)

    _run(work, as_json)


@cluster_app.command()
def dissolve(cluster_id: ClusterId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Dissolve a group. Each member joins the nearest other group or stands alone."""
    from backend.features.editing import Dissolve, perform

    _run(lambda s, actor: perform(s, Dissolve(cluster_id), actor=actor, dry_run=dry_run), as_json)


@media_app.command(name="show")
def show_media(media_id: MediaId, as_json: Json = False) -> None:
    """Show a picture: its words, its file, where it was taken, its group, and why it is in that group."""
    from backend.store.media import get_media
    from backend.web.api.routes.references import find_reference
    from backend.web.api.schemas.schemas import MediaDetail

    with open_services() as services, services.database.transaction() as session:
        detail = MediaDetail.of(get_media(session, media_id), find_reference(session, media_id), places=True)
    if as_json:
        print_json(detail.model_dump(mode="json"))
        return
    # Field by field as the API has them, so that a new one is shown here too.
    facts = [*detail.model_dump(mode="json", exclude={"exif", "cluster", "warnings"}).items(), *detail.exif.items()]
    facts += [("warning", f"{one.code}: {one.detail}") for one in detail.warnings]
    if detail.cluster is not None:
        facts += [("group", f"{detail.cluster.id} '{detail.cluster.label}'"), ("why", detail.cluster.why)]
    facts = [(name, value) for name, value in facts if value not in (None, "", [])]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        say(f"{name:<{width}}  {', '.join(map(str, value)) if isinstance(value, list) else value}")


@media_app.command()
def move(
    cluster_id: Annotated[int, typer.Argument(min=1, help="The group to move them to.")],
    media_ids: MediaIds,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Move exactly these pictures to a group."""
    from backend.features.editing import Move, perform

    _run(lambda s, actor: perform(s, Move(tuple(media_ids), cluster_id), actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def extract(media_ids: MediaIds, label: Label = "", dry_run: DryRun = False, as_json: Json = False) -> None:
    """Move pictures to a new group."""
    from backend.features.editing import Extract, perform

    _run(lambda s, actor: perform(s, Extract(tuple(media_ids), label), actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def confirm(media_ids: MediaIds, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Confirm that pictures are in the right group. They are then never moved automatically."""
    from backend.features.editing import Confirm, perform

    _run(lambda s, actor: perform(s, Confirm(tuple(media_ids)), actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def delete(
    media_ids: MediaIds,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Delete pictures permanently, with originals, thumbnails and vectors."""
    from backend.features.editing import delete_media

    if not (yes or dry_run):
        typer.confirm(f"Delete {media_count(len(media_ids))} permanently? This cannot be undone.", abort=True, err=True)
    _run(lambda s, actor: delete_media(s, media_ids, actor=actor, dry_run=dry_run), as_json)


@media_app.command()
def reword(
    media_id: MediaId,
    title: Annotated[str | None, typer.Option(help="New title.")] = None,
    caption: Annotated[str | None, typer.Option(help="New caption.")] = None,
    keyword: Annotated[list[str] | None, typer.Option(help="New keywords, instead of all old ones.")] = None,
    location: Annotated[str | None, typer.Option(help="New location.")] = None,
    story: Annotated[str | None, typer.Option(help="New story.")] = None,
) -> None:
    """Change the text of a picture and update its text vectors."""
    from backend.features.editing import rewrite_text
    from backend.files.text import TextChanges, split_keywords

    keywords = None if keyword is None else tuple(word for one in keyword for word in split_keywords(one))
    changes = TextChanges(title=title, caption=caption, keywords=keywords, location=location, story=story)
    with open_services() as services:
        rewrite_text(services, media_id, changes, actor=actor_name())
    say(f"Changed the text of picture {media_id}.")


@history_app.command(name="list")
def list_events(
    cluster: Annotated[int | None, typer.Option(min=1, help="Only events that touched this group.")] = None,
    media: Annotated[uuid.UUID | None, typer.Option(help="Only events that touched this picture.")] = None,
    limit: Annotated[int, typer.Option(min=LISTED.low, max=LISTED.high, help="Largest number of events to show.")] = 30,
    as_json: Json = False,
) -> None:
    """List changes to groups, newest first."""
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
    """Undo an event."""
    from backend.features.editing import history

    _run(lambda s, actor: history.undo(s, event_id, actor=actor, dry_run=dry_run), as_json)


@history_app.command()
def redo(event_id: EventId, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Redo an event that was undone."""
    from backend.features.editing import history

    _run(lambda s, actor: history.redo(s, event_id, actor=actor, dry_run=dry_run), as_json)


def print_outcome(outcome: "Outcome") -> None:
    """Print what was changed, or would be."""
    done = "Would be done" if outcome.event_id is None else f"Event {outcome.event_id}"
    say(f"{done}: {outcome.summary}")
    for change in outcome.clusters:
        label = change.label_after or change.label_before
        say(f"  group {change.id} '{label}': {change.size_before} -> {change.size_after} members")
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
