"""Hold rows while they are worked on. A short lease that is renewed: a worker that dies is noticed soon, a slow one
is not."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uuid_utils.compat

from backend.db.work import Lease, release_lease, renew_lease
from backend.errors import BackendUnavailable, ConfigurationError, MediaclusterError, StorageFull
from backend.services import Services

logger = logging.getLogger(__name__)

_RENEWALS_PER_LEASE = 3
_RETRY_SECONDS = 5.0
_HAND_BACK_EVERY_SECONDS = 1.0

# After these the rows are handed back and the attempt is not counted. No part of a batch may swallow them.
NOT_THE_FILES_FAULT = (BackendUnavailable, StorageFull, ConfigurationError)


@contextmanager
def held_lease(services: Services) -> Iterator[Lease]:
    """A new lease to claim rows with, renewed in the background until the block is left. Where that is by an error
    that is no fault of a file, the rows are handed back."""
    lease = Lease(uuid_utils.compat.uuid7(), services.settings.lease_seconds)
    left = threading.Event()
    renewer = threading.Thread(target=_renew, args=(services, lease, left), name="lease", daemon=True)
    renewer.start()
    try:
        yield lease
    except NOT_THE_FILES_FAULT:
        _hand_back(services, lease)
        raise
    finally:
        left.set()
        renewer.join()


def _hand_back(services: Services, lease: Lease) -> None:
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
                logger.warning("Rows could not be handed back; their lease will run out: %s", error)
                return
        time.sleep(_HAND_BACK_EVERY_SECONDS)


def _renew(services: Services, lease: Lease, left: threading.Event) -> None:
    while not left.wait(lease.seconds / _RENEWALS_PER_LEASE):
        try:
            with services.database.transaction() as session:
                renew_lease(session, lease)
        except MediaclusterError as error:
            # Recording will tell whether the rows are still ours.
            logger.warning("A lease could not be renewed: %s", error)
