"""The HTTP server process, until a signal ends it."""

import logging
import resource
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from backend.features.operations import check_open_files
from backend.settings import Settings
from backend.web.middleware.heads import TimedHeads, most_accepted_at_once
from backend.web.server import WebServer

_DRAIN_SECONDS = 20
logger = logging.getLogger(__name__)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until the first signal. Returns when running requests are finished, or their time is up."""
    raise_descriptor_limit()
    warn_of_few_descriptors()
    WebServer(server_config(app, settings)).run()


def raise_descriptor_limit() -> None:
    """Allow this process as many open files as it may have. Each connection needs one; shells often allow 256 or 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # macOS refuses some values; the limit then stays
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def warn_of_few_descriptors() -> None:
    """Log a warning if the limit cannot be raised far enough, as `mediacluster doctor` says it."""
    finding = check_open_files()
    if finding.hint:
        logger.warning("%s. %s", finding.detail, finding.hint)


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """The uvicorn configuration: address, timeouts for headers and shutdown, and trusted proxies."""
    return uvicorn.Config(
        app,
        http=TimedHeads,
        host=settings.api_host,
        port=settings.api_port,
        backlog=most_accepted_at_once(),
        # Logging is configured already. `backend.web.middleware.request_ids` logs requests, with their ids.
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
