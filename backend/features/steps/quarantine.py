"""Handling of files that fail: permanently at once, or after the last attempt if the decoder crashed or the storage cannot read the
file but can read others."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import (
    BackendUnavailable,
    DecodeCrash,
    FileUnreadable,
    LeaseLost,
    MediaclusterError,
    Quarantined,
    StorageFull,
)
from backend.features.services import Services
from backend.files.storage import Storage
from backend.store.leases import Lease
from backend.store.media import record_failed, release_one

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
# A storage that cannot read a file may be overloaded; a decoder that crashed will crash again.
_RETRY_FILE_SECONDS = 10.0

# Errors that count as an attempt at one file, which is then retried alone.
COUNTED = (DecodeCrash, FileUnreadable)


def retry_seconds(error: DecodeCrash | FileUnreadable) -> float:
    """Delay before the next attempt after such an error."""
    return _RETRY_FILE_SECONDS if isinstance(error, FileUnreadable) else _RETRY_SECONDS


@contextmanager
def telling_file_from_storage(storage: Storage) -> Iterator[None]:
    """Convert a storage error of one picture into an error of its file, if the storage works otherwise.

    Raises:
        FileUnreadable: instead of BackendUnavailable, if the storage can write and read another file. The cause may be a bad sector or an
            archived object, and other pictures must not wait for it.
    """
    try:
        yield
    except BackendUnavailable as error:
        try:
            storage.check()
        except (BackendUnavailable, StorageFull):
            raise error from None
        raise FileUnreadable(
            f"The storage works, but not for this file: {error.detail}",
            hint="Check the file or restore it from a backup, then retry.",
            reason=error.reason,
        ) from error


def try_again_or_quarantine(
    services: Services, media_id: uuid.UUID, attempts: int, lease: Lease, error: DecodeCrash | FileUnreadable
) -> None:
    """Hand the row back for another attempt, alone. After the last attempt, quarantine it. The reason is recorded either way."""
    reason = f"{error.code}: {error}"
    try:
        with services.database.transaction() as session:
            if attempts < services.settings.max_attempts:
                release_one(session, media_id, lease, retry_seconds=retry_seconds(error), reason=reason)
                return
            detail = f"{attempts} attempts failed. The last one: {reason}"
            record_failed(session, media_id, lease, Quarantined.code, detail)
        logger.info("Picture %s is quarantined: %s", media_id, detail, extra={"media_id": media_id, "code": error.code})
    except LeaseLost:
        _log_lost(media_id)


def give_up(services: Services, media_id: uuid.UUID, lease: Lease, error: MediaclusterError) -> None:
    """Mark a picture as failed permanently."""
    try:
        with services.database.transaction() as session:
            record_failed(session, media_id, lease, error.code, str(error))
        logger.info("Picture %s has failed: %s", media_id, error, extra={"media_id": media_id, "code": error.code})
    except LeaseLost:
        _log_lost(media_id)


def _log_lost(media_id: uuid.UUID) -> None:
    logger.warning("Picture %s was deleted or given to another worker; its failure is not recorded.", media_id)
