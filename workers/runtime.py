"""Objects that a worker process keeps between tasks. They are created by its first task, hence after the fork."""

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
    """The space that is active now. It may have changed since the last task."""
    return open_active_space(services())


def assigner() -> Assigner:
    return _assigner.get()


def watch_encoders() -> None:
    """Start a thread that loads the encoders of a space before it is activated."""
    EncoderWatch(services(), fills=True).start()


def preload(on_loaded: Callable[[], object]) -> None:
    """Start the decoders and load the encoders ahead of the first batch, then call `on_loaded`.

    Failures are retried until it works: the database may be away for a while, or a missing model may be added.
    """
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
