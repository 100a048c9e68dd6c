"""Execution of operations, each in one transaction under the assigner's lock."""

from collections.abc import Callable

from backend.features.editing.actions import Operation
from backend.features.editing.apply import write_edit
from backend.features.editing.plan import plan
from backend.features.editing.transactions import edited, settled
from backend.features.services import Services
from backend.rules.editing import Outcome
from backend.store.engine import Session
from backend.store.schema import Space


def perform(
    services: Services,
    operation: Operation,
    *,
    actor: str,
    dry_run: bool = False,
    require: Callable[[Session, Space], None] | None = None,
) -> Outcome:
    """Perform an operation. With `dry_run`, only report what would change.

    `require` raises if a precondition does not hold. It runs in the same transaction, under the lock.

    Raises:
        InputError: the operation is empty or contradicts itself.
        NotFound: a group or picture does not exist.
        Conflict: the stored state does not allow it (for example a picture that is not ready, or is in another group).
    """
    with edited(services, dry_run=dry_run) as (session, space):
        if require is not None:
            require(session, space)
        outcome = write_edit(session, space, plan(services, session, space, operation), actor=actor)
    return settled(services, outcome, dry_run=dry_run)
