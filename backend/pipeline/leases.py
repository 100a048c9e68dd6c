"""Hold rows while they are worked on. A short lease that is renewed: a worker that dies is noticed soon, a slow one
is not."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uuid_utils.compat

from backend.db.work import Lease, renew_lease
from backend.errors import BackendUnavailable, ConfigurationError, MediaclusterError, StorageFull
from backend.services import Services

logger = logging.getLogger(__name__)

_RENEWALS_PER_LEASE = 3

# After these the rows are handed back and the attempt is not counted.
NOT_THE_FILES_FAULT = (BackendUnavailable, StorageFull, ConfigurationError)


@contextmanager
def held_lease(services: Services) -> Iterator[Lease]:
    """A new lease to claim rows with, renewed in the background until the block is left."""
    lease = Lease(uuid_utils.compat.uuid7(), services.settings.lease_seconds)
    left = threading.Event()
    renewer = threading.Thread(target=_renew, args=(services, lease, left), name="lease", daemon=True)
    renewer.start()
    try:
        yield lease
    finally:
        left.set()
        renewer.join()


def _renew(services: Services, lease: Lease, left: threading.Event) -> None:
    while not left.wait(lease.seconds / _RENEWALS_PER_LEASE):
        try:
            with services.database.transaction() as session:
                renew_lease(session, lease)
        except MediaclusterError as error:
            # Recording will tell whether the rows are still ours.
            logger.warning("A lease could not be renewed: %s", error)
