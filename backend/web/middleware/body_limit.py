"""Refuse a request that is too large while it streams in, whatever its Content-Length says, and one that stops coming."""

import asyncio
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import FileTooLarge, InputError, RequestTimeout
from backend.web.middleware.problems import error_response

PATIENCE_SECONDS = 60.0
# Slower than any connection that pictures are sent over; who sends a byte now and then holds a place for nothing.
_LEAST_BYTES_PER_SECOND: Final = 1024


class BodyLimit:
    """ASGI middleware that counts the body.

    patience_seconds: how long a client may stand still in the middle of it. It also has to send a kilobyte a second on the
    average, from so long after its begin.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, patience_seconds: float | None = None) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._patience_seconds = PATIENCE_SECONDS if patience_seconds is None else patience_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await _refuse(_too_large(self._max_bytes), scope, receive, send)
            return
        body = _Body(receive, self._max_bytes, self._patience_seconds)
        answered = False

        async def watching_send(message: Message) -> None:
            nonlocal answered
            # The framework turns our signal into an answer of its own, which is not the one that is meant.
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
    """The body of one request as it comes in; `refused` says why it is not taken."""

    def __init__(self, receive: Receive, max_bytes: int, patience_seconds: float) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._patience_seconds = patience_seconds
        self._begun = time.monotonic()
        self._seen_bytes = 0
        self._whole = False
        self.refused: InputError | None = None

    async def receive(self) -> Message:
        if self._whole:  # what comes now is that the client has gone
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
        return min(self._patience_seconds, max(slowest - time.monotonic(), 0.0))


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
