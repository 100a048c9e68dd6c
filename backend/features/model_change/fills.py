"""Filling of spaces by workers, and their progress."""

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
    """Start to fill a space and keep it up to date with uploads. Also resumes after a pause. May be repeated.

    Args:
        services: services of the process.
        name: name of the space.
        actor: who requested it.
        rate_per_minute: largest number of pictures per minute, None for no limit.
        retry_failed: retry failed pictures.

    Returns:
        Number of pictures queued by this call.

    Raises:
        NotFound: the space does not exist.
        InputError: the rate is not positive.
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
        started.problem = None  # a problem reported later is of a later attempt
        session.flush()
        queued = queue_missing(session, space.id)
        if retry_failed:
            queued += retry_items(session, space.id)
        record_act(session, actor, Act.SPACE_FILL_STARTED, name, queued=queued, rate_per_minute=rate_per_minute)
    services.doorbell.ring(Work.FILL)
    return queued


def pause_fill(services: Services, name: str, *, actor: str) -> None:
    """Pause filling of a space. Work in progress is finished, and new uploads are queued.

    Raises:
        NotFound: the space does not exist.
        Conflict: it is not being filled, or it is the active one, which must be filled.
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
    """List pictures that could not be embedded into a space, oldest first. Raises NotFound."""
    with services.database.transaction() as session:
        return list_failed_items(session, get_space(session, name).id, limit)
