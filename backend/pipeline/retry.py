"""Try failed media again, from where they failed."""

import uuid
from collections.abc import Sequence

from backend.db.work import list_failed, retry_failed, retry_failed_with
from backend.doorbell import Work
from backend.services import Services


def retry_media(services: Services, media_ids: Sequence[uuid.UUID]) -> int:
    """Lead these back, all or none; returns how many. Raises NotFound for one that has not failed."""
    with services.database.transaction() as session:
        for media_id in media_ids:
            retry_failed(session, media_id)
    services.doorbell.ring(Work.FETCH)
    services.doorbell.ring(Work.EMBED)
    return len(media_ids)


def retry_all(services: Services) -> int:
    """Lead every failed media back; returns how many there were."""
    with services.database.transaction() as session:
        failed = list_failed(session)
    return retry_media(services, failed)


def retry_code(services: Services, code: str) -> int:
    """Lead every media that failed with this code back; returns how many there were."""
    with services.database.transaction() as session:
        count = retry_failed_with(session, code)
    services.doorbell.ring(Work.FETCH)
    services.doorbell.ring(Work.EMBED)
    return count
