"""Ring again for work that waits, and give up what has used up its attempts."""

from backend.db.events import EventKind, MediaEvent, record_events
from backend.db.webhooks import count_due_deliveries
from backend.db.work import WaitingWork, count_waiting, record_quarantined
from backend.doorbell import Work
from backend.services import Services


def sweep(services: Services) -> WaitingWork:
    """Look for waiting rows and ring for each kind; returns what was waiting."""
    settings = services.settings
    with services.database.transaction() as session:
        quarantined = record_quarantined(session, settings.max_attempts)
        record_events(
            session, [MediaEvent(EventKind.FAILED, media_id, error_code="quarantined") for media_id in quarantined]
        )
        waiting = count_waiting(session)
        deliveries = count_due_deliveries(session)
    for work, count in (
        (Work.FETCH, waiting.fetching),
        (Work.EMBED, waiting.pending),
        (Work.ASSIGN, waiting.embedded),
        (Work.DELIVER, deliveries),
    ):
        if count:
            # Rings that nobody took by the next sweep would only pile up.
            services.doorbell.ring(work, expires_seconds=2 * settings.sweep_interval_seconds)
    return waiting
