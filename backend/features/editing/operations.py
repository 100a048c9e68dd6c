"""Do what a curator asks for: each operation is one transaction under the assigner's lock."""

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
    """Do it, or with `dry_run` find out what doing it would change.

    require: raises where it is not to be done as things are; called in the same transaction, where nobody else changes them.

    Raises:
        InputError: the operation is empty or contradicts itself.
        NotFound: a cluster or a media is not there.
        Conflict: what is stored does not allow it (a media that is not ready, a member of another cluster, ...).
    """
    with edited(services, dry_run=dry_run) as (session, space):
        if require is not None:
            require(session, space)
        outcome = write_edit(session, space, plan(services, session, space, operation), actor=actor)
    return settled(services, outcome, dry_run=dry_run)
