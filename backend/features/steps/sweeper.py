"""Sweep: wakes workers for waiting work again, and fails work that has used up its attempts."""

import logging

from backend.doorbell import Work
from backend.features.services import Services
from backend.store.access import delete_old_keys
from backend.store.engine import Session
from backend.store.evaluation import is_audit_due
from backend.store.events import count_due_deliveries
from backend.store.media import WaitingWork, count_waiting, lead_back, record_quarantined
from backend.store.operations import find_pause, record_sample
from backend.store.review import count_waiting_comparisons, is_refresh_due
from backend.store.search import SEARCH_POLICY
from backend.store.spaces import (
    count_waiting_items,
    find_active_space,
    list_kept_up,
    quarantine_items,
    queue_missing,
    take_abandoned_changes,
)

logger = logging.getLogger(__name__)

# The queue is computed from the whole library, so not more often than this while pictures arrive.
_REVIEW_SECONDS = 60.0
# While a library is loaded, it grows by half many times.
_AUDIT_SECONDS = 900.0


def sweep(services: Services) -> WaitingWork:
    """Look for waiting rows and wake workers for each kind. Returns what was waiting."""
    settings = services.settings
    with services.database.transaction() as session:
        quarantined = record_quarantined(session, settings.max_attempts)
        delete_old_keys(session)
        _undo_broken_changes(session)
        filling = _queue_for_spaces(session, settings.max_attempts)
        waiting = count_waiting(session)
        deliveries = count_due_deliveries(session)
        comparisons = count_waiting_comparisons(session)
        is_review_due = is_refresh_due(session, _REVIEW_SECONDS)
        is_effort_unknown = is_audit_due(session, SEARCH_POLICY.few_media_in_sql, _AUDIT_SECONDS)
        is_paused = find_pause(session) is not None
        record_sample(session)
    for media_id, request_id in quarantined.items():
        told = {"media_id": media_id, "request_id": request_id, "code": "quarantined"}
        logger.info("Picture %s is quarantined: its last attempt ended without a word.", media_id, extra=told)
    for work, count in (
        (Work.FETCH, waiting.fetching and not is_paused),
        (Work.EMBED, waiting.pending and not is_paused),
        (Work.FILL, filling and not is_paused),
        (Work.ASSIGN, waiting.embedded and not is_paused),
        (Work.DELIVER, deliveries),
        (Work.COMPARE, comparisons),
        (Work.REVIEW, is_review_due),
        (Work.AUDIT, is_effort_unknown),
    ):
        if count:
            # Messages that nobody took until the next sweep would only pile up.
            services.doorbell.ring(work, expires_seconds=2 * settings.sweep_interval_seconds)
    return waiting


def _undo_broken_changes(session: Session) -> None:
    """Restore pictures that were set aside by an activation whose process was killed."""
    space = find_active_space(session)
    if space is not None and take_abandoned_changes(session):
        count = lead_back(session, space.id)
        logger.warning("A change of model was interrupted; %d pictures set aside for it are restored.", count)


def _queue_for_spaces(session: Session, max_attempts: int) -> int:
    """Number of items that wait to be embedded into spaces. If none is queued, queue what is missing: a space that was paused or started
    while an upload was recorded may have missed it."""
    quarantine_items(session, max_attempts)
    return sum(
        count_waiting_items(session, space_id) or queue_missing(session, space_id) for space_id in list_kept_up(session)
    )
