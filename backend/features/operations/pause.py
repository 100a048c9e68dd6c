"""Pause and resume of processing. Work in progress is finished; then workers claim nothing."""

from backend.doorbell import Work
from backend.features.services import Services
from backend.store.access import Act, record_act
from backend.store.operations import PauseState, find_pause, forget_pause, record_pause

_SUBJECT = "processing"


def pause_processing(services: Services, *, actor: str) -> PauseState:
    """Stop fetching, embedding and assigning. Uploads are accepted and wait. Returns who paused, and when; the earlier pause if there is
    one."""
    with services.database.transaction() as session:
        if record_pause(session, actor):
            record_act(session, actor, Act.PROCESSING_PAUSED, _SUBJECT)
        state = find_pause(session)
    assert state is not None
    return state


def resume_processing(services: Services, *, actor: str) -> bool:
    """Resume, and wake workers for what waits. Returns False if nothing was paused."""
    with services.database.transaction() as session:
        if resumed := forget_pause(session):
            record_act(session, actor, Act.PROCESSING_RESUMED, _SUBJECT)
    if resumed:
        for work in (Work.FETCH, Work.EMBED, Work.ASSIGN):
            services.doorbell.ring(work)
    return resumed
