"""End a connection whose request does not begin: bodies are timed by `body_limit`, and before there is a head no middleware is asked."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.web.middleware import body_limit


class TimedHeads(H11Protocol):
    """uvicorn's HTTP/1.1, which waits for the head of a request for as long as for a body that stands still, and no longer,
    however much of it comes meanwhile. Between two requests of a connection its own, shorter limit holds."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm_down()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._calm_down()
        elif self._impatience is None:
            self._impatience = self.loop.call_later(body_limit.PATIENCE_SECONDS, self.timeout_keep_alive_handler)

    def _calm_down(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
