"""Refuse a request that is too large while it streams in, whatever its Content-Length says."""

from contextlib import suppress
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.problems import problem_response


class _TooLarge(Exception):
    pass


class BodyLimit:
    """ASGI middleware that counts the body."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        seen_bytes = 0
        refused = False
        answered = False

        async def counting_receive() -> Message:
            nonlocal seen_bytes, refused
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > self._max_bytes:
                refused = True
                raise _TooLarge
            return message

        async def watching_send(message: Message) -> None:
            nonlocal answered
            # The framework turns our signal into an answer of its own, which is not the one that is meant.
            if refused:
                return
            answered = True
            await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counting_receive, watching_send)
        if refused and not answered:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem_response(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "file_too_large",
            f"The request is larger than {self._max_bytes:,} bytes.",
            "Send fewer files at once, or smaller ones.",
        )
        response.headers["Connection"] = "close"
        await response(scope, receive, send)
