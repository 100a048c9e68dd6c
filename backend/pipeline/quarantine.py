"""What becomes of a file that its decoder did not survive."""

import logging
import uuid

from backend.db.events import EventKind, MediaEvent, record_events
from backend.db.work import Lease, record_failed, release_one
from backend.errors import DecodeCrash, LeaseLost, Quarantined
from backend.services import Services

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


def try_again_or_quarantine(
    services: Services, media_id: uuid.UUID, attempts: int, lease: Lease, error: DecodeCrash
) -> None:
    """Hand the row back for another attempt, which is claimed alone; after the last one it is quarantined.

    The reason stands on the row either way.
    """
    reason = f"{error.code}: {error}"
    try:
        with services.database.transaction() as session:
            if attempts < services.settings.max_attempts:
                release_one(session, media_id, lease, retry_seconds=_RETRY_SECONDS, reason=reason)
                return
            detail = f"{attempts} attempts failed. The last one: {reason}"
            record_failed(session, media_id, lease, Quarantined.code, detail)
            record_events(session, [MediaEvent(EventKind.FAILED, media_id, error_code=Quarantined.code)])
        logger.info("Media %s is quarantined: %s", media_id, detail, extra={"media_id": media_id, "code": error.code})
    except LeaseLost:
        logger.warning("Media %s was given to another worker; its failure is not recorded.", media_id)
