"""Fetch what was uploaded as a URL."""

import logging

from backend.doorbell import Work
from backend.errors import DecodeCrash, LeaseLost, MediaclusterError
from backend.features.intake import accept_fetched
from backend.features.services import Services
from backend.features.steps.leases import NOT_THE_FILES_FAULT, held_lease
from backend.features.steps.quarantine import try_again_or_quarantine
from backend.features.steps.timing import Stopwatch
from backend.files.outbound import fetch_url
from backend.logs import request_bound
from backend.store.events import EventKind, MediaEvent, record_events
from backend.store.media import FetchingMedia, Lease, claim_fetching, record_failed
from backend.store.telemetry import Measure

logger = logging.getLogger(__name__)


def fetch_next(services: Services) -> int:
    """Fetch the URL that waits longest; returns how many were claimed (0: nothing is waiting)."""
    with held_lease(services) as lease:
        with services.database.transaction() as session:
            claimed = claim_fetching(session, lease, limit=1, max_attempts=services.settings.max_attempts)
        for media in claimed:
            with request_bound(media.request_id):
                _fetch(services, media, lease)
    return len(claimed)


def _fetch(services: Services, media: FetchingMedia, lease: Lease) -> None:
    watch = Stopwatch()
    try:
        with watch.timed(Measure.FETCH):
            fetched = fetch_url(media.url, services.fetch_policy, services.limits)
        accept_fetched(services, media, lease, fetched.data)
    except NOT_THE_FILES_FAULT:
        raise
    except LeaseLost:
        logger.warning("Picture %s was given to another worker; what was fetched is dropped.", media.id)
    except DecodeCrash as error:
        try_again_or_quarantine(services, media.id, media.attempts, lease, error)
    except MediaclusterError as error:
        _give_up(services, media, lease, error)
    else:
        logger.info("Picture %s is fetched.", media.id, extra={"media_id": media.id})
        watch.write(services)
        services.doorbell.ring(Work.EMBED)


def _give_up(services: Services, media: FetchingMedia, lease: Lease, error: MediaclusterError) -> None:
    try:
        with services.database.transaction() as session:
            record_failed(session, media.id, lease, error.code, str(error))
            record_events(session, [MediaEvent(EventKind.FAILED, media.id, error_code=error.code)])
        logger.info("Picture %s has failed: %s", media.id, error, extra={"media_id": media.id, "code": error.code})
    except LeaseLost:
        logger.warning("Picture %s was deleted or given to another worker; its failure is not recorded.", media.id)
