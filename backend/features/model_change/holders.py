"""A process that has encoders in memory loads those of a space that is about to be activated, and says so: the first
query after the change shall not wait for them."""

import logging
import os
import socket
import threading

from backend.errors import MediaclusterError
from backend.features.services import Services
from backend.store.leases import ENCODERS_BEAT_SECONDS
from backend.store.schema import Space
from backend.store.spaces import (
    find_active_space,
    forget_holder,
    list_kept_up,
    list_spaces,
    list_wanted_spaces,
    record_holder,
)

logger = logging.getLogger(__name__)


class EncoderWatch:
    """Looks every two seconds, in a thread of its own, whether encoders are wanted. Start it after the fork.

    fills: whether this process embeds into spaces that are kept up, and so keeps their encoders.
    """

    def __init__(self, services: Services, *, fills: bool = False) -> None:
        self._services = services
        self._fills = fills
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="encoder-watch", daemon=True)
        self.process = f"{socket.gethostname()}:{os.getpid()}:{id(self):x}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and be forgotten."""
        self._stopped.set()
        self._thread.join()
        try:
            with self._services.database.transaction() as session:
                forget_holder(session, self.process)
        except MediaclusterError as error:
            logger.warning("Who holds encoders could not be taken back: %s", error.full_detail)

    def look(self) -> None:
        """Once: load what is wanted, if this process has loaded the active space's encoders, and say how it stands."""
        with self._services.database.transaction() as session:
            # In this order: a space that is no longer wanted because it was activated is seen as active.
            wanted = list_wanted_spaces(session)
            active = find_active_space(session)
            kept_up = set(list_kept_up(session)) if self._fills else set()
            filled = [space for space in list_spaces(session) if space.id in kept_up]
        if active is None or not self._services.encoders_of(active).loaded:
            return
        self._say(active, None)
        for space in wanted:
            self._say(space, self._load(space))
        kept = [active, *wanted, *filled]
        self._services.encoder_pool.keep({(space.image_fingerprint, space.text_fingerprint) for space in kept})

    def _load(self, space: Space) -> str | None:
        try:
            self._services.encoders_of(space).load()
        except MediaclusterError as error:
            logger.warning("The encoders of space '%s' cannot be loaded: %s", space.name, error.full_detail)
            return str(error)
        return None

    def _say(self, space: Space, failure: str | None) -> None:
        with self._services.database.transaction() as session:
            record_holder(session, self.process, space.id, is_ready=failure is None, failure=failure)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                self.look()
            except MediaclusterError as error:
                logger.warning("Could not look which encoders are wanted: %s", error.full_detail)
            self._stopped.wait(ENCODERS_BEAT_SECONDS)
