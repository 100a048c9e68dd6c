"""Choice of the weight of the image similarity for a library."""

from backend.bounds import ALPHA
from backend.errors import InputError
from backend.features.editing.apply import write_edit
from backend.features.editing.transactions import edited, settled
from backend.features.services import Services
from backend.rules.editing import Edit, Outcome, Snapshot
from backend.store.access import Act, record_act
from backend.store.spaces import get_alpha, record_alpha

KIND = "alpha"


def apply_alpha(services: Services, alpha: float, *, actor: str, dry_run: bool = False) -> Outcome:
    """Make alpha the default of searches and recommendations, as one event. Undoing it restores the old value. No group changes.

    Raises:
        InputError: alpha is outside 0..1.
        NotFound: there is no active space.
    """
    if alpha not in ALPHA:
        raise InputError(f"{alpha:g} is not a valid alpha.", hint="Give a number from 0 (text only) to 1 (image only).")
    with edited(services, dry_run=dry_run) as (session, space):
        present = get_alpha(session, services.settings.alpha)
        edit = Edit(KIND, Snapshot(), Snapshot(), f"Alpha {alpha:g} instead of {present:g}")
        outcome = write_edit(session, space, edit, actor=actor)
        assert outcome.event_id is not None
        record_alpha(session, outcome.event_id, space.id, alpha)
        record_act(session, actor, Act.ALPHA_CHOSEN, f"{alpha:g}", event_id=outcome.event_id)
    return settled(services, outcome, dry_run=dry_run)
