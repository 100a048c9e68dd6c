"""Limits on request bodies: a maximum size, checked while they stream in, and a minimum speed."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.clock import CLOCK, Clock
from backend.errors import FileTooLarge, InputError, RequestTimeout
from backend.web.middleware.problems import error_response

PATIENCE_SECONDS = 60.0
# Any connection fast enough to upload pictures is faster. A client that trickles bytes would hold a connection for nothing.
_LEAST_BYTES_PER_SECOND: Final = 1024


class BodyLimit:
    """ASGI middleware that limits the size and duration of request bodies.

    `patience_seconds` is the longest pause between two parts of a body. After that time, a client must also have sent 1 KB/s on
    average since the start.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, patience_seconds: float | None = None, *, clock: Clock = CLOCK
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._patience_seconds = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await _refuse(_too_large(self._max_bytes), scope, receive, send)
            return
        body = _Body(receive, self._max_bytes, self._patience_seconds, self._clock)
        answered = False

        async def watching_send(message: Message) -> None:
            nonlocal answered
            # The framework turns our exception into a response of its own. Drop it; ours follows.
            if body.refused is None:
                answered = True
                await send(message)

        try:
            await self._app(scope, body.receive, watching_send)
        except InputError as error:
            if error is not body.refused:
                raise
        if body.refused is not None and not answered:
            await _refuse(body.refused, scope, receive, send)


class _Body:
    """The body of one request. `refused` is the error if it exceeded a limit."""

    def __init__(self, receive: Receive, max_bytes: int, patience_seconds: float, clock: Clock) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._begun = clock.monotonic()
        self._seen_bytes = 0
        self._whole = False
        self.refused: InputError | None = None

    async def receive(self) -> Message:
        if self._whole:  # after the body, the only message left is the disconnect
            return await self._receive()
        try:
            async with asyncio.timeout(self._seconds_left()):
                message = await self._receive()
        except TimeoutError:
            self.refused = _too_slow(self._patience_seconds)
            raise self.refused from None
        self._whole = not message.get("more_body", False)
        self._seen_bytes += len(message.get("body", b""))
        if self._seen_bytes > self._max_bytes:
            self.refused = _too_large(self._max_bytes)
            raise self.refused
        return message

    def _seconds_left(self) -> float:
        slowest = self._begun + self._patience_seconds + self._seen_bytes / _LEAST_BYTES_PER_SECOND
        return min(self._patience_seconds, max(slowest - self._clock.monotonic(), 0.0))


def _too_large(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(
        f"The request is larger than {max_bytes:,} bytes.", hint="Send fewer or smaller files in one request."
    )


def _too_slow(patience_seconds: float) -> RequestTimeout:
    return RequestTimeout(
        f"The request stalled: it sent too little data within {patience_seconds:g} seconds.",
        hint="Send it again. Files that already arrived are not stored twice.",
    )


async def _refuse(error: InputError, scope: Scope, receive: Receive, send: Send) -> None:
    response = error_response(error)
    response.headers["Connection"] = "close"  # the rest of the body is not read
    await response(scope, receive, send)
