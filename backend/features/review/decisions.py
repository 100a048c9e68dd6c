"""Decisions of curators on items of the review queue, and their undo."""

from dataclasses import dataclass

from backend.errors import InputError, NotFound
from backend.features.editing import Confirm, Merge, Move, Operation, Split, perform, propose_split, undo
from backend.features.services import Services
from backend.files.text import is_storable
from backend.rules.editing import Outcome
from backend.rules.review import QUEUES, Acceptance, ReviewKind, ReviewVerdict
from backend.store.engine import Session, broken_constraints_as_conflicts
from backend.store.groups import get_event
from backend.store.review import find_decision, find_item, forget_decision, lock_review, record_decision
from backend.store.schema import ReviewItem, Space
from backend.store.spaces import find_active_space


@dataclass(frozen=True)
class Decided:
    """A decision, and what it changed or would change. A dismissal changes no group."""

    item: str
    decision: ReviewVerdict
    outcome: Outcome | None


def item_name(kind: str, subject: str) -> str:
    """Public id of an item: `kind:subject`."""
    return f"{kind}:{subject}"


def decide(
    services: Services,
    item: str,
    decision: ReviewVerdict,
    *,
    actor: str,
    cluster_id: int | None = None,
    dry_run: bool = False,
) -> Decided:
    """Accept, correct or dismiss an item. With `dry_run`, only report what would change.

    Accepting confirms a membership, merges a pair of groups into the larger one, or splits a group as proposed. Correcting moves the picture
    to `cluster_id`. A dismissed item returns only if its urgency increases by the `material_change` of its queue, or if it is about another
    group.

    Raises:
        NotFound: the item is not in the queue, or what it is about was deleted.
        InputError: the id is invalid, or the decision does not apply to its kind.
        Conflict: the stored state does not allow it.
    """
    kind, subject = _parse(item)

    def find(session: Session, space: Space | None) -> ReviewItem:
        found = None if space is None else find_item(session, space.id, kind, subject)
        if found is None:
            raise NotFound(
                f"Item {item} is not in the review queue, or is out of date.",
                hint="Reload the queue.",
            )
        return found

    def require(session: Session, space: Space) -> None:
        find(session, space)

    with services.database.transaction() as session:
        found = find(session, find_active_space(session))
    operation = _operation(services, found, decision, cluster_id)
    # Read again under the lock, so that the decision is about what was shown.
    outcome = None if operation is None else perform(services, operation, actor=actor, dry_run=dry_run, require=require)
    if not dry_run:
        with broken_constraints_as_conflicts(), services.database.transaction() as session:
            lock_review(session)
            record_decision(session, found, decision, outcome.event_id if outcome else None, actor)
    return Decided(item, decision, outcome)


def take_back(services: Services, item: str, *, actor: str) -> Outcome | None:
    """Undo a decision: revert its change, and put the item back as it was.

    Returns what the undo changed. None if the decision changed no group, or was already undone in the history.

    Raises:
        NotFound: there is no decision on it.
        UndoBlocked: later changes block it. The decision stays.
    """
    kind, subject = _parse(item)
    with services.database.transaction() as session:
        decision = find_decision(session, kind, subject)
        if decision is None:
            raise NotFound(f"There is no decision on {item}.", hint="It may already have been undone.")
        event = None if decision.event_id is None else get_event(session, decision.event_id)
    stands = event is not None and event.undone_by is None
    outcome = undo(services, event.id, actor=actor) if event is not None and stands else None
    with services.database.transaction() as session:
        lock_review(session)
        forget_decision(session, decision)
    return outcome


def _parse(item: str) -> tuple[ReviewKind, str]:
    kind, _, subject = item.partition(":")
    if kind not in set(ReviewKind) or not subject or not is_storable(subject):
        raise InputError(
            f"'{item}' is not the id of a review item.", hint="Use the `id` of an item as listed in the queue."
        )
    return ReviewKind(kind), subject


def _operation(
    services: Services, item: ReviewItem, decision: ReviewVerdict, cluster_id: int | None
) -> Operation | None:
    kind = ReviewKind(item.kind)
    if decision is not ReviewVerdict.CORRECT and cluster_id is not None:
        raise InputError("Only a correction may name a group.", hint="Omit `cluster_id`, or decide `correct`.")
    match decision:
        case ReviewVerdict.DISMISS:
            return None
        case ReviewVerdict.CORRECT:
            return _correction(item, kind, cluster_id)
        case ReviewVerdict.ACCEPT:
            return _acceptance(services, item, kind)


def _correction(item: ReviewItem, kind: ReviewKind, cluster_id: int | None) -> Operation:
    if not QUEUES[kind].can_correct or item.media_id is None:
        raise InputError(
            "Merge and split candidates can only be accepted or dismissed.", hint="Correct the pictures one by one."
        )
    if cluster_id is None:
        raise InputError("A correction must name the group that the picture belongs to.", hint="Send `cluster_id`.")
    return Move((item.media_id,), cluster_id)


def _acceptance(services: Services, item: ReviewItem, kind: ReviewKind) -> Operation:
    match QUEUES[kind].acceptance:
        case Acceptance.MERGE:
            assert item.other_cluster_id is not None
            return Merge((item.cluster_id,), item.other_cluster_id)
        case Acceptance.SPLIT:
            return Split(item.cluster_id, tuple(propose_split(services, item.cluster_id).right))
        case Acceptance.CONFIRM:
            assert item.media_id is not None
            return Confirm((item.media_id,))
