"""Preloading of encoders: a process that has encoders in memory loads those of a space before it is activated, so that the first query
after the change does not wait for them."""

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
    """Checks every two seconds, in a thread, which encoders to load. Start it after the fork.

    `fills` says whether this process fills spaces, and so keeps their encoders loaded.
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
        """Stop checking, and remove the record of this process."""
        self._stopped.set()
        self._thread.join()
        try:
            with self._services.database.transaction() as session:
                forget_holder(session, self.process)
        except MediaclusterError as error:
            logger.warning("The record of loaded encoders could not be removed: %s", error.full_detail)

    def look(self) -> None:
        """Check once: load requested encoders if this process has those of the active space, and record the result."""
        with self._services.database.transaction() as session:
            # In this order: a space that was just activated is then seen as active, not as no longer requested.
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
