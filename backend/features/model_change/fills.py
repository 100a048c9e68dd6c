"""Have workers embed the library into a space, and say how far they are."""

from backend.doorbell import Work
from backend.errors import Conflict, InputError
from backend.features.services import Services
from backend.store.access import Act, record_act
from backend.store.spaces import (
    FailedItem,
    find_fill,
    get_space,
    list_failed_items,
    queue_missing,
    record_fill_paused,
    retry_items,
    start_fill,
)


def fill(
    services: Services, name: str, *, actor: str, rate_per_minute: float | None = None, retry_failed: bool = False
) -> int:
    """Keep a space up from now on: what it lacks is queued, new uploads go into it too. Goes on after a pause; may be
    repeated.

    rate_per_minute: at most so many media, None for no limit. retry_failed: try again what has failed.

    Returns:
        How many media have been queued by this call.

    Raises:
        NotFound: there is no such space.
        InputError: the rate is not above 0.
    """
    if rate_per_minute is not None and not 0 < rate_per_minute < float("inf"):
        raise InputError(
            f"{rate_per_minute:g} is not a valid rate.", hint="Give a number of pictures per minute, or omit it."
        )
    with services.database.transaction() as session:
        space = get_space(session, name)
        started = start_fill(session, space.id, actor)
        started.paused_at = None
        started.rate_per_minute = rate_per_minute
        started.problem = None  # what is said after this is of a try after this
        session.flush()
        queued = queue_missing(session, space.id)
        if retry_failed:
            queued += retry_items(session, space.id)
        record_act(session, actor, Act.SPACE_FILL_STARTED, name, queued=queued, rate_per_minute=rate_per_minute)
    services.doorbell.ring(Work.FILL)
    return queued


def pause_fill(services: Services, name: str, *, actor: str) -> None:
    """Let nothing more be embedded into a space; what is under way is finished, and what comes in meanwhile is queued.

    Raises:
        NotFound: there is no such space.
        Conflict: it is not being filled, or it is the active one, whose gaps have to close.
    """
    with services.database.transaction() as session:
        space = get_space(session, name)
        if find_fill(session, space.id) is None:
            raise Conflict(f"Space '{name}' is not being filled.", hint=f"Start with `mediacluster space fill {name}`.")
        if space.is_active:
            raise Conflict(f"Space '{name}' is the active one.", hint="`mediacluster pause` stops all work.")
        if record_fill_paused(session, space.id):
            record_act(session, actor, Act.SPACE_FILL_PAUSED, name)


def list_failed(services: Services, name: str, limit: int) -> list[FailedItem]:
    """What could not be embedded into a space, oldest first. Raises NotFound."""
    with services.database.transaction() as session:
        return list_failed_items(session, get_space(session, name).id, limit)
