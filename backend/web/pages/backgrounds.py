"""Processes for long tasks that the pages start."""

from fastapi import Request

from backend.features.background import Background
from backend.features.evaluation import Job


def background_of(request: Request) -> Background:
    """The background processes of this application, created on first use."""
    state = request.app.state
    if not hasattr(state, "background"):
        state.background = Background(state.services)
    assert isinstance(state.background, Background)
    return state.background


def start_measuring(request: Request, job: Job) -> None:
    """Start a measurement in a process of its own. Raises BackendUnavailable if no process can be started."""
    background_of(request).start(job.value, ["measure", job.value])


def is_measuring(request: Request, job: Job) -> bool:
    """Whether a child of this process runs the job."""
    return background_of(request).is_running(job.value)
