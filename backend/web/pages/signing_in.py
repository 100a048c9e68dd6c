"""Authentication of the admin pages: every page requires a session, and every change requires its CSRF token."""

from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import CsrfFailed, Forbidden, MediaclusterError, Unauthorized
from backend.features.access import ANYBODY, Sessions, Visitor, is_csrf_token
from backend.features.services import Services
from backend.web.middleware.authentication import may_see_places
from backend.web.middleware.body_limit import BodyLimit
from backend.web.middleware.hosts import split_address
from backend.web.pages.cookies import read_secret
from backend.web.pages.guard import SAFE_METHODS
from backend.web.pages.navigation import is_for_admins
from backend.web.pages.problems import error_page
from backend.web.pages.templating import MOUNT, link

CSRF_HEADER = "x-csrf-token"
_LOGIN = "/login"
_MOST_LOGIN_BYTES = 64 * 1024


class SignIn:
    """ASGI middleware of the admin pages. Sets `request.state.visitor`, `request.state.actor` and `request.state.sees_places`."""

    def __init__(self, app: ASGIApp, services: Services, sessions: Sessions) -> None:
        self._app = app
        # The login form accepts small bodies only, because its clients are not authenticated yet.
        self._login = BodyLimit(app, _MOST_LOGIN_BYTES)
        self._sessions = sessions
        self._asks = services.settings.authentication != "none"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith("/static/") or (path == _LOGIN and self._asks):
            await (self._login if path == _LOGIN else self._app)(scope, receive, send)
            return
        try:
            visitor = await self._recognise(scope, path)
        except MediaclusterError as error:
            await error_page(Request(scope), error)(scope, receive, send)
            return
        if visitor is None:
            await _ask_to_log_in(scope, path)(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["visitor"] = visitor
        state["actor"] = visitor.actor
        state["sees_places"] = may_see_places(is_known=True, is_admin=visitor.is_admin)
        refusal = _find_refusal(scope, path, visitor)
        if refusal is not None:
            await error_page(Request(scope), refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _recognise(self, scope: Scope, path: str) -> Visitor | None:
        if not self._asks:
            return ANYBODY
        secret = read_secret(scope)
        if not secret:
            return None
        return await run_in_threadpool(self._sessions.find, secret, remembered=path.startswith("/pictures/"))


def _find_refusal(scope: Scope, path: str, visitor: Visitor) -> MediaclusterError | None:
    if not visitor.is_admin and is_for_admins(path):
        return Forbidden("This page is for admins.", hint="Ask an admin, or log in with another account.")
    if scope["method"] in SAFE_METHODS or visitor.session_id is None:
        return None
    given = Headers(scope=scope).get(CSRF_HEADER, "")
    if is_csrf_token(read_secret(scope) or "", given):
        return None
    return CsrfFailed("This page was loaded before you logged in.", hint="Reload the page, then try again.")


def _ask_to_log_in(scope: Scope, path: str) -> Response:
    """Redirect page views to the login. Requests by scripts get an error that leads there."""
    headers = Headers(scope=scope)
    query = scope.get("query_string", b"").decode("latin-1")
    if scope["method"] in SAFE_METHODS and "hx-request" not in headers and "text/html" in headers.get("accept", ""):
        wanted = f"{MOUNT}{path}" + (f"?{query}" if query else "")
        return RedirectResponse(login_address(wanted), HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})
    error = Unauthorized("You are not logged in, or your session has ended.", hint="Log in again.")
    response = error_page(Request(scope), error)
    if "hx-request" in headers:
        page = split_address(headers.get("hx-current-url") or headers.get("referer", ""))
        response.headers["HX-Redirect"] = login_address(page.path + (f"?{page.query}" if page.query else ""))
    return response


def login_address(wanted: str) -> str:
    """Address of the login page, which continues to the wanted page afterwards."""
    return link(_LOGIN, next=wanted if safe_next(wanted) != link("/") else None)


def safe_next(wanted: str) -> str:
    """The address to continue at after login: a page of ours, otherwise the first page."""
    parts = split_address(wanted)
    ours = parts.path.startswith(f"{MOUNT}/") and not parts.path.startswith(f"{MOUNT}{_LOGIN}")
    plain = wanted.isprintable() and "\\" not in wanted and "//" not in parts.path
    return wanted if ours and plain and not (parts.scheme or parts.netloc) else link("/")
