"""Hold rows while they are worked on. A short lease that is renewed: a worker that dies is noticed soon, a slow one
is not."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uuid_utils.compat

from backend.errors import BackendUnavailable, ConfigurationError, StorageFull
from backend.features.services import Services
from backend.store.media import Lease, release_lease, renew_lease
from backend.store.renewal import renewed

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
_HAND_BACK_EVERY_SECONDS = 1.0

# After these the rows are handed back and the attempt is not counted. No part of a batch may swallow them.
NOT_THE_FILES_FAULT = (BackendUnavailable, StorageFull, ConfigurationError)


@contextmanager
def held_lease(services: Services) -> Iterator[Lease]:
    """A new lease to claim rows with, renewed in the background until the block is left. Where that is by an error
    that is no fault of a file, the rows are handed back."""
    lease = Lease(uuid_utils.compat.uuid7(), services.settings.lease_seconds)
    with renewed(services.database, lambda session: renew_lease(session, lease), lease.seconds):
        try:
            yield lease
        except NOT_THE_FILES_FAULT:
            hand_back(services, lease)
            raise


def hand_back(services: Services, lease: Lease) -> None:
    """Give rows back without counting the attempt. Where the database is away this waits for it, for as long as a
    task may take: three losses of a database in a row shall not look like a file that kills workers."""
    deadline = time.monotonic() + services.settings.task_seconds / 2
    while True:
        try:
            with services.database.transaction() as session:
                release_lease(session, lease, retry_seconds=_RETRY_SECONDS, count_attempt=False)
                return
        except BackendUnavailable as error:
            if time.monotonic() > deadline:
                logger.warning("Rows could not be handed back; their lease will run out: %s", error.full_detail)
                return
        time.sleep(_HAND_BACK_EVERY_SECONDS)
