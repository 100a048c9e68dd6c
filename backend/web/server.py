"""The whole web application: the HTTP API and the admin pages."""

import socket
import threading
from types import FrameType

import uvicorn
from fastapi import FastAPI

from backend.features.services import Services
from backend.web.api.app import create_app
from backend.web.pages.app import install_admin


def create_web_app(services: Services) -> FastAPI:
    """Create the application that `mediacluster serve` runs. It uses these services but does not dispose of them."""
    app = create_app(services)
    app.state.ending = threading.Event()
    install_admin(app)
    return app


class WebServer(uvicorn.Server):
    """uvicorn server. The first signal ends event streams and waits for running requests; the second aborts."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn calls it
        # Do not record the signal as uvicorn does: it would raise it again at its end, and the caller could not clean up.
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if isinstance(self.config.app, FastAPI):
            self.config.app.state.ending.set()
        await super().shutdown(sockets)
