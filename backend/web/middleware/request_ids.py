"""Request ids, in the response header and in the log."""

import logging
import time
from urllib.parse import urlunsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.logs import choose_request_id, request_bound
from backend.web.middleware.hosts import split_address
from backend.web.middleware.unexpected import AnswerUnexpected

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestIds:
    """ASGI middleware, the outermost, so that errors in all others have an id too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = AnswerUnexpected(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = choose_request_id(Headers(scope=scope).get(HEADER))
        begun = time.perf_counter()
        status = 500

        async def naming_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = MutableHeaders(scope=message)
                answered[HEADER] = request_id
                _make_relative(answered, scope)
            await send(message)

        with request_bound(request_id):
            try:
                await self._app(scope, receive, naming_send)
            finally:
                _log(scope, status, time.perf_counter() - begun)


def _make_relative(answered: MutableHeaders, scope: Scope) -> None:
    """Redirect to a path, not to the name that the client asked for: it may be anybody's, or that of a proxy's inside."""
    target = split_address(answered.get("location", ""))
    if target.netloc and target.netloc == Headers(scope=scope).get("host", ""):
        path = "/" + target.path.lstrip("/")  # two slashes would begin a name
        answered["location"] = urlunsplit(("", "", path, target.query, target.fragment))


def _log(scope: Scope, status: int, seconds: float) -> None:
    # Pages request hundreds of pictures, so successful reads are logged at debug level only. The query string is never logged:
    # it contains what people search for.
    level = logging.DEBUG if scope["method"] in _READS and status < 400 else logging.INFO
    logger.log(
        level,
        "%s %s: %d",
        scope["method"],
        scope["path"],
        status,
        extra={
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(1000 * seconds, 1),
        },
    )
