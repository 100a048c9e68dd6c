"""What one worker process keeps between tasks. Made at the first task, so after the fork."""

import logging
import time
from collections.abc import Callable

from backend.bootstrap import build_services
from backend.encoders import Lazy
from backend.errors import MediaclusterError
from backend.features.model_change import EncoderWatch
from backend.features.services import Services
from backend.features.steps import Assigner, open_active_space
from backend.settings import load_settings
from backend.store.schema import Space
from backend.store.spaces import find_active_space

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0

_services = Lazy(lambda: build_services(load_settings()))
_assigner = Lazy(lambda: Assigner(services(), space()))


def services() -> Services:
    return _services.get()


def space() -> Space:
    """The active space, as it is now: it may have become another since the last task."""
    return open_active_space(services())


def assigner() -> Assigner:
    return _assigner.get()


def watch_encoders() -> None:
    """Have this process load what is about to be activated."""
    EncoderWatch(services(), fills=True).start()


def preload(on_loaded: Callable[[], object]) -> None:
    """Start decoders and load the encoders before the first batch asks, then call. What goes wrong is tried again until it
    works: the database may only be away, a model may be put in its place."""
    told, pause_seconds = "", _FIRST_PAUSE_SECONDS
    while True:
        try:
            services().decoders.start()
            with services().database.transaction() as session:
                active = find_active_space(session)
            (services().encoders if active is None else services().encoders_of(active)).load()
        except MediaclusterError as error:
            if error.full_detail != told:
                told = error.full_detail
                logger.warning("Not everything is ready for the first batch yet: %s", told)
        else:
            logger.info("The encoders are loaded.")
            on_loaded()
            return
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
