"""What every answer of the admin pages carries, and which requests get none: a strict policy for content, and no
unsafe request from another site."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import CsrfFailed
from backend.web.middleware.hosts import split_address
from backend.web.middleware.problems import error_response
from backend.web.pages.problems import error_page

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Pictures that are dropped for a search are shown from the browser's own memory (blob:).
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI middleware of the admin pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        # The login has no token to show yet; for it this is the only check.
        if scope["method"] not in SAFE_METHODS and is_cross_site(Headers(scope=scope), scope["scheme"]):
            error = CsrfFailed(
                "This request comes from another site.", hint="Open the admin pages and repeat the action there."
            )
            people = "text/html" in Headers(scope=scope).get("accept", "")
            response = error_page(Request(scope), error) if people else error_response(error)
            await response(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


def is_cross_site(headers: Headers, scheme: str) -> bool:
    """Whether a browser says that another origin asks. What no browser sends (curl, tests) says nothing and may pass:
    it holds no cookies of anybody."""
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site not in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return False
    parts = split_address(origin)
    return (parts.scheme, parts.netloc) != (scheme, headers.get("host", ""))
