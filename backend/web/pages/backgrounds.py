"""The processes that the pages start for what takes long."""

from fastapi import Request

from backend.features.background import Background
from backend.features.evaluation import Job


def background_of(request: Request) -> Background:
    """Of this application, made when it is first asked for."""
    state = request.app.state
    if not hasattr(state, "background"):
        state.background = Background(state.services)
    assert isinstance(state.background, Background)
    return state.background


def start_measuring(request: Request, job: Job) -> None:
    """Raises BackendUnavailable where no process can be started."""
    background_of(request).start(job.value, ["measure", job.value])


def is_measuring(request: Request, job: Job) -> bool:
    """Whether a child of this process is at it."""
    return background_of(request).is_running(job.value)
