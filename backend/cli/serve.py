"""Serve the web application over HTTP until a signal, and then end in order."""

import uvicorn
from fastapi import FastAPI

from backend.settings import Settings
from backend.web.middleware.heads import TimedHeads
from backend.web.server import WebServer

_DRAIN_SECONDS = 20


def serve(app: FastAPI, settings: Settings) -> None:
    """Returns after the first signal, when the requests under way are answered, or have had their time."""
    WebServer(server_config(app, settings)).run()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the application is served: address, time for heads and to drain, and which proxies are believed."""
    return uvicorn.Config(
        app,
        http=TimedHeads,
        host=settings.api_host,
        port=settings.api_port,
        # The loggers are ours; what uvicorn says of each request, `backend.web.middleware.request_ids` says with its id.
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
