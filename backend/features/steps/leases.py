"""Leases on rows during work. They are short and renewed, so that a dead worker is noticed soon and a slow one keeps its rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import BackendUnavailable, ConfigurationError, StorageFull
from backend.features.services import Services
from backend.store.leases import Lease, Work, hand_back_patiently, held

# After these errors, rows are handed back without counting the attempt. Steps must not catch them for single files.
NOT_THE_FILES_FAULT = (BackendUnavailable, StorageFull, ConfigurationError)


@contextmanager
def held_lease(services: Services, table: Work) -> Iterator[Lease]:
    """Yield a new lease for claiming rows of this table, renewed in the background until the block ends. If it ends with an error that
    no file caused, the rows are handed back."""
    lease = Lease.of(services.settings.lease_seconds)
    with held(services.database, table, lease):
        try:
            yield lease
        except NOT_THE_FILES_FAULT:
            hand_back(services, table, lease)
            raise


def hand_back(services: Services, table: Work, lease: Lease) -> None:
    """Release rows without counting the attempt. Waits for an unavailable database as long as a task may take, because repeated outages
    must not look like a file that kills workers."""
    hand_back_patiently(services.database, table, lease, patience_seconds=services.settings.task_seconds / 2)
