"""Timeout for request headers. No middleware runs before the headers are complete, so the protocol class checks it."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.web.middleware import body_limit


class TimedHeads(H11Protocol):
    """HTTP/1.1 protocol of uvicorn that closes connections whose request headers are incomplete after `PATIENCE_SECONDS`.

    Sending more header bytes does not extend the time. Between two requests, uvicorn's shorter keep-alive timeout applies.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_header_timer()
        super().connection_lost(exc)

    def _watch_headers(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._cancel_header_timer()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(body_limit.PATIENCE_SECONDS, self.timeout_keep_alive_handler)

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
