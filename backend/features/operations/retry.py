"""Retry of failed pictures, from the step that failed."""

import uuid
from collections.abc import Sequence

from backend.doorbell import Work
from backend.errors import InputError
from backend.features.services import Services
from backend.files.text import is_storable
from backend.store.access import Act, record_act
from backend.store.media import retry_failed, retry_failed_with


def retry_media(services: Services, media_ids: Sequence[uuid.UUID], *, actor: str) -> int:
    """Retry these pictures, all or none, and record the actor. Returns their number. Raises NotFound if one has not failed."""
    with services.database.transaction() as session:
        for media_id in media_ids:
            retry_failed(session, media_id)
            record_act(session, actor, Act.MEDIA_RETRIED, str(media_id), media=1)
    _ring(services)
    return len(media_ids)


def retry_all(services: Services, *, actor: str) -> int:
    """Retry all failed pictures. Returns their number."""
    return _retry_many(services, actor, None)


def retry_code(services: Services, code: str, *, actor: str) -> int:
    """Retry all pictures that failed with this code. Returns their number. Raises InputError if no code can be like it."""
    if not is_storable(code):
        raise InputError("The code contains invalid characters.", hint="Give one that the Operations page lists.")
    return _retry_many(services, actor, code)


def _retry_many(services: Services, actor: str, code: str | None) -> int:
    with services.database.transaction() as session:
        if count := retry_failed_with(session, code):
            record_act(session, actor, Act.MEDIA_RETRIED, code or "every failed picture", media=count)
    _ring(services)
    return count


def _ring(services: Services) -> None:
    services.doorbell.ring(Work.FETCH)
    services.doorbell.ring(Work.EMBED)
