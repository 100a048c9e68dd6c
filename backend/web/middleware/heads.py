"""Bounds on connections: time for the request headers, and their number.

No middleware runs before the headers are complete, so the protocol class checks both.
"""

import asyncio
import resource
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.errors import BackendUnavailable
from backend.web.middleware import body_limit
from backend.web.middleware.problems import error_response

_MOST_AT_ONCE = 2048


def most_connections() -> int:
    """How many connections the server keeps: half of the files that it may have open. The rest is for the database, the storage and
    decoders, and for what is accepted before others are closed."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 2**31 if files == resource.RLIM_INFINITY else max(1, files // 2)


def most_accepted_at_once() -> int:
    """Bound on the connections that asyncio accepts before it does anything else (the backlog). If it runs out of files while accepting,
    it writes a traceback for each that is left, thousands a second, and accepts nothing."""
    return min(_MOST_AT_ONCE, max(1, most_connections() // 4))


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    answer = error_response(
        BackendUnavailable(
            "The server has as many connections as it can hold.",
            hint="Try again after the number of seconds in Retry-After.",
        )
    )
    answer.headers["Connection"] = "close"
    await answer(scope, receive, send)


class TimedHeads(H11Protocol):
    """HTTP/1.1 protocol of uvicorn that closes connections whose request headers are incomplete after `PATIENCE_SECONDS`.

    Sending more header bytes does not extend the time. Between two requests, uvicorn's shorter keep-alive timeout applies.

    If there are more than `most_connections`, it closes the one that has been without a request for longest, so that connections which
    ask for nothing cannot shut out those that do.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._header_timer: asyncio.TimerHandle | None = None
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._watch_headers()
        if len(self.connections) > most_connections():
            self._make_room()

    def on_response_complete(self) -> None:
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_header_timer()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        idle = [one for one in self.connections if isinstance(one, TimedHeads) and one.is_idle and one is not self]
        if idle:
            min(idle, key=lambda one: one.idle_since).timeout_keep_alive_handler()
        else:
            # All others are at work. What this one asks is refused.
            self.app = _refuse

    @property
    def is_idle(self) -> bool:
        """Whether no request has arrived that is not answered yet."""
        return not self.transport.is_closing() and self.conn.their_state is h11.IDLE

    def _watch_headers(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._cancel_header_timer()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(body_limit.PATIENCE_SECONDS, self.timeout_keep_alive_handler)

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
