"""Serve an application over HTTP until a signal, and then end in order."""

from types import FrameType

import uvicorn
from fastapi import FastAPI

from backend.settings import Settings

_DRAIN_SECONDS = 20


class _Server(uvicorn.Server):
    """The first signal drains: no new connections, requests under way get their answers. The second one aborts."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn calls it
        # Not noted as captured: uvicorn would raise the signal again at its end, and whoever called could not clean up.
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def serve(app: FastAPI, settings: Settings) -> None:
    """Returns after the first signal, when the requests under way are answered, or have had their time."""
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        # The loggers are ours; what uvicorn says of each request, `backend.api.request_ids` says with its id.
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    _Server(config).run()
