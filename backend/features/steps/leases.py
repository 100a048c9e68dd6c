"""Hold rows while they are worked on. A short lease that is renewed: a worker that dies is noticed soon, a slow one
is not."""

from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import BackendUnavailable, ConfigurationError, StorageFull
from backend.features.services import Services
from backend.store.leases import Lease, Work, hand_back_patiently, held

# After these the rows are handed back and the attempt is not counted. No part of a batch may swallow them.
NOT_THE_FILES_FAULT = (BackendUnavailable, StorageFull, ConfigurationError)


@contextmanager
def held_lease(services: Services, table: Work) -> Iterator[Lease]:
    """A new lease to claim rows of this table with, renewed in the background until the block is left. Where that is by an
    error that is no fault of a file, the rows are handed back."""
    lease = Lease.of(services.settings.lease_seconds)
    with held(services.database, table, lease):
        try:
            yield lease
        except NOT_THE_FILES_FAULT:
            hand_back(services, table, lease)
            raise


def hand_back(services: Services, table: Work, lease: Lease) -> None:
    """Give rows back without counting the attempt. Where the database is away this waits for it, for as long as a
    task may take: three losses of a database in a row shall not look like a file that kills workers."""
    hand_back_patiently(services.database, table, lease, patience_seconds=services.settings.task_seconds / 2)
