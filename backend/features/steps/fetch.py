"""Fetching of pictures that were uploaded as a URL."""

import logging

from backend.doorbell import Work
from backend.errors import DecodeCrash, LeaseLost, MediaclusterError
from backend.features.intake import accept_fetched
from backend.features.services import Services
from backend.features.steps.leases import NOT_THE_FILES_FAULT, held_lease
from backend.features.steps.quarantine import give_up, try_again_or_quarantine
from backend.features.steps.timing import Stopwatch
from backend.files.outbound import fetch_url
from backend.logs import request_bound
from backend.store.leases import Lease
from backend.store.media import FetchingMedia, claim_fetching
from backend.store.schema import Media
from backend.store.telemetry import Measure

logger = logging.getLogger(__name__)


def fetch_next(services: Services) -> int:
    """Fetch the URL that has waited longest. Returns how many were claimed, 0 if none wait."""
    with held_lease(services, Media) as lease:
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
        accept_fetched(services, media, lease, fetched)
    except NOT_THE_FILES_FAULT:
        raise
    except LeaseLost:
        logger.warning("Picture %s was given to another worker; what was fetched is dropped.", media.id)
    except DecodeCrash as error:
        try_again_or_quarantine(services, media.id, media.attempts, lease, error)
    except MediaclusterError as error:
        give_up(services, media.id, lease, error)
    else:
        logger.info("Picture %s is fetched.", media.id, extra={"media_id": media.id})
        watch.write(services)
        services.doorbell.ring(Work.EMBED)
