"""Handling of unexpected errors inside the other middleware, so that the response carries the request id and CORS headers."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.web.middleware.problems import from_unexpected, log_unexpected


class AnswerUnexpected:
    """ASGI middleware. If a response was interrupted, the error is raised again, so that the server closes the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False

        async def noting_send(message: Message) -> None:
            nonlocal begun, ended
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except Exception as error:
            log_unexpected(error)
            if begun and not ended:
                raise
            # The handler of pages responds itself, and Starlette raises the error again afterwards.
            if not begun:
                await from_unexpected(Request(scope), error)(scope, receive, send)
