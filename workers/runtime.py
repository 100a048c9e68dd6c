"""What one worker process keeps between tasks. Made at the first task, so after the fork."""

from functools import cache

from backend.bootstrap import build_services
from backend.db.tables import Space
from backend.pipeline.assign import Assigner
from backend.pipeline.space import open_active_space
from backend.services import Services
from backend.settings import load_settings


@cache
def services() -> Services:
    return build_services(load_settings())


@cache
def space() -> Space:
    """The active space. A failure is not cached: the next task tries again."""
    return open_active_space(services())


@cache
def assigner() -> Assigner:
    return Assigner(services(), space())
