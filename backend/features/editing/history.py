"""The history of changes, and undo."""

import uuid
from dataclasses import dataclass, replace

from backend.errors import Conflict
from backend.features.editing.apply import write_edit
from backend.features.editing.transactions import edited, settled
from backend.features.services import Services
from backend.rules.editing import Outcome, Snapshot, plan_restoration
from backend.store.engine import Session
from backend.store.groups import (
    DELETE,
    MODEL,
    REDO,
    REFRESH,
    UNDO,
    HistoryEvent,
    count_other_members,
    find_event_in_force,
    get_event,
    get_event_content,
    list_events,
    read_snapshot,
    record_undone,
)
from backend.store.schema import Space
from backend.store.spaces import get_threshold


def list_history(
    session: Session,
    *,
    before_id: int | None = None,
    cluster_id: int | None = None,
    media_id: uuid.UUID | None = None,
    limit: int,
) -> list[HistoryEvent]:
    """List events, newest first. `before_id` is the last event of the previous page."""
    return list_events(session, before_id=before_id, cluster_id=cluster_id, media_id=media_id, limit=limit)


def undo(services: Services, event_id: int, *, actor: str, dry_run: bool = False) -> Outcome:
    """Revert all changes of an event. Undoing an undo is a redo.

    Raises:
        NotFound: the event does not exist.
        Conflict: it is already undone, or cannot be undone.
        UndoBlocked: later changes block it. The error lists them as `obstacles`.
    """
    with edited(services, dry_run=dry_run) as (session, space):
        event = get_event(session, event_id)
        _require_in_force(event)
        threshold = get_threshold(session, space.id, services.settings.threshold)
        context = _Context(session, space, threshold, actor)
        outcome = (_redo if event.kind == UNDO else _undo)(context, _root(session, event))
    return settled(services, outcome, dry_run=dry_run)


def redo(services: Services, event_id: int, *, actor: str, dry_run: bool = False) -> Outcome:
    """Redo an undone event. `event_id` is that event, or the undo. Raises like `undo`."""
    with edited(services, dry_run=dry_run) as (session, space):
        event = get_event(session, event_id)
        if event.kind == UNDO:
            _require_in_force(event)
        threshold = get_threshold(session, space.id, services.settings.threshold)
        outcome = _redo(_Context(session, space, threshold, actor), _root(session, event))
    return settled(services, outcome, dry_run=dry_run)


@dataclass(frozen=True)
class _Context:
    """The transaction of an undo or redo. `threshold` is that of the space."""

    session: Session
    space: Space
    threshold: float
    actor: str


def _undo(context: _Context, event: HistoryEvent) -> Outcome:
    redone_by = find_event_in_force(context.session, event.id, REDO)
    outcome = _restore(context, UNDO, event, event.id if redone_by is None else redone_by)
    record_undone(context.session, event.id, outcome.event_id)
    if redone_by is not None:
        record_undone(context.session, redone_by, outcome.event_id)
    return outcome


def _redo(context: _Context, event: HistoryEvent) -> Outcome:
    if event.undone_by is None:
        raise Conflict(f"Event {event.id} has not been undone; there is nothing to redo.", hint="Undo it first.")
    outcome = _restore(context, REDO, event, event.undone_by)
    record_undone(context.session, event.undone_by, outcome.event_id)
    record_undone(context.session, event.id, None)
    return outcome


def _restore(context: _Context, kind: str, event: HistoryEvent, reversed_id: int) -> Outcome:
    """Restore the rows that the event `reversed_id` changed. Memberships of another space are measured in the active one."""
    session = context.session
    content = get_event_content(session, reversed_id)
    wanted, left = _measured(content.before, context), content.after
    held = {state.cluster_id for state in wanted.memberships.values() if state is not None}
    current = read_snapshot(session, held | set(wanted.clusters), left.memberships)
    going = [cluster_id for cluster_id, state in wanted.clusters.items() if state is None]
    others = count_other_members(session, going, left.memberships)
    verb = "Undid" if kind == UNDO else "Redid"
    edit = plan_restoration(kind, wanted, left, current, others, f"{verb} event {event.id}: {event.summary}")
    return write_edit(session, context.space, edit, actor=context.actor, target_event_id=event.id, since=reversed_id)


def _measured(snapshot: Snapshot, context: _Context) -> Snapshot:
    states = {
        media_id: None if state is None else state.to_measure_in(context.space.id, context.threshold)
        for media_id, state in snapshot.memberships.items()
    }
    return replace(snapshot, memberships=states)


def _require_in_force(event: HistoryEvent) -> None:
    if event.kind == DELETE:
        raise Conflict("A deletion cannot be undone.", hint="Upload the pictures again.")
    if event.kind == MODEL:
        raise Conflict(
            "A change of model cannot be undone like an edit.", hint="Go back with `mediacluster space rollback`."
        )
    if event.kind == REFRESH:
        raise Conflict(
            "A refresh cannot be undone: the originals say what the pictures show.", hint="Undo another change."
        )
    if event.undone_by is not None:
        raise Conflict(
            f"Event {event.id} was already undone by event {event.undone_by}.", hint="Redo it to restore the change."
        )


def _root(session: Session, event: HistoryEvent) -> HistoryEvent:
    """The original event of an undo or redo."""
    return event if event.target_event_id is None else get_event(session, event.target_event_id)
