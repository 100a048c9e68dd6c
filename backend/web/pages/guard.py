"""Security headers of the admin pages (Content-Security-Policy and others), and refusal of unsafe cross-site requests."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import CsrfFailed
from backend.web.middleware.hosts import split_address
from backend.web.middleware.page_headers import PAGE_HEADERS
from backend.web.middleware.problems import error_response
from backend.web.pages.problems import error_page

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware that adds the headers and refuses unsafe requests from other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in PAGE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        # The login form has no CSRF token yet, so this is its only check.
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
    """Whether a browser reports that another origin sent the request. Other clients (curl, tests) send no such headers and may
    pass, because they hold no one's cookies."""
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site not in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return False
    parts = split_address(origin)
    return (parts.scheme, parts.netloc) != (scheme, headers.get("host", ""))
