"""Authentication by API key, with scopes and CORS.

It runs before the body is read, so that requests without a valid key cannot make the server read one.
"""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from backend.errors import Forbidden, MediaclusterError, Unauthorized
from backend.features.services import Services
from backend.store.access import Scope, asked_from, find_live_api_key, is_origin_allowed, record_use
from backend.store.engine import Database
from backend.web.middleware.hosts import split_address
from backend.web.middleware.problems import error_response
from backend.web.middleware.scopes import ScopeTable
from backend.web.middleware.tokens import hash_token, is_token

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = 'Bearer realm="mediacluster"'
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-None-Match",
    "Access-Control-Max-Age": "600",
    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
}
# The scope of requests without a key, by setting.
_KEYLESS = {"none": Scope.ADMIN, "login": Scope.CURATE, "keys": None}
_EXPOSED = "Location, Retry-After, ETag, WWW-Authenticate, X-Request-ID"


@dataclass(frozen=True)
class _Asking:
    """The credentials of a request.

    Attributes:
        token: the API key sent with it.
        origin: the origin of the page that sent it, if that is another site.
        unsafe: whether its method can change something.
    """

    token: str | None
    origin: str | None
    unsafe: bool


@dataclass(frozen=True)
class _Verdict:
    """The result of authentication.

    Attributes:
        actor: name of the key's owner for the journal.
        scope: scope of the request.
        origin_allowed: whether pages of the origin may read the response.
        refusal: the error to respond with.
    """

    actor: str | None = None
    scope: Scope | None = None
    origin_allowed: bool = False
    refusal: MediaclusterError | None = None


class Authentication:
    """ASGI middleware. Sets `request.state.scope` and `request.state.sees_places`, and `request.state.actor` if the request has a
    key."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._database = services.database
        self._table: ScopeTable | None = None  # filled on the first request
        self._keyless = _KEYLESS[services.settings.authentication]

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with asked_from(client_address(scope)):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Connection, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        asking = _read(headers, scope["method"])
        if scope["method"] == "OPTIONS" and asking.origin and "access-control-request-method" in headers:
            response = await run_in_threadpool(_answer_preflight, self._database, asking.origin)
            await response(scope, receive, send)
            return
        if self._table is None:
            self._table = ScopeTable(scope["app"].routes)
        needed = self._table.scope_of(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))
        verdict = _Verdict() if needed is None else await self._judge(asking, needed)
        answering = _with_cors(send, asking.origin if verdict.origin_allowed else None)
        if verdict.refusal is not None:
            await _refuse(verdict.refusal)(scope, receive, answering)
            return
        state = scope.setdefault("state", {})
        state["scope"] = verdict.scope
        state["sees_places"] = may_see_places(is_known=verdict.actor is not None, is_admin=verdict.scope is Scope.ADMIN)
        if verdict.actor is not None:
            state["actor"] = verdict.actor
        await self._app(scope, receive, answering)

    async def _judge(self, asking: _Asking, needed: Scope) -> _Verdict:
        if asking.token is None and asking.origin is None:
            return _Verdict(scope=self._keyless, refusal=_refuse_keyless(asking, needed, self._keyless))
        return await run_in_threadpool(_judge, self._database, asking, needed, self._keyless)


def may_see_places(*, is_known: bool, is_admin: bool) -> bool:
    """Whether a caller may see where pictures were taken, in the API and on the pages: admins, and callers who are not asked who
    they are. If no key is required, every user of this machine owns the library."""
    return is_admin or not is_known


def client_address(scope: Connection) -> str:
    """Address of the client, or the one that a trusted proxy reports."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def _read(headers: Headers, method: str) -> _Asking:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    origin = headers.get("origin")
    if origin is not None and headers.get("host") and split_address(origin).netloc == headers.get("host"):
        origin = None  # our own pages
    # Other schemes belong to a proxy in front of this server.
    return _Asking(token.strip() if scheme.lower() == "bearer" else None, origin, method not in _SAFE_METHODS)


def _judge(database: Database, asking: _Asking, needed: Scope, keyless: Scope | None) -> _Verdict:
    try:
        with database.transaction() as session:
            shown = asking.origin is not None and is_origin_allowed(session, asking.origin)
            if asking.token is None:
                refusal = _refuse_keyless(asking, needed, keyless)
                return _Verdict(scope=keyless, origin_allowed=shown, refusal=refusal)
            key = find_live_api_key(session, hash_token(asking.token)) if is_token(asking.token) else None
            if key is None:
                return _Verdict(origin_allowed=shown, refusal=_unknown_key())
            record_use(session, key.id)
            actor, scope, origins = f"key:{key.name}", Scope(key.scope), key.origins
    except MediaclusterError as error:
        return _Verdict(refusal=error)
    if asking.origin is not None and asking.origin not in origins:
        return _Verdict(origin_allowed=shown, refusal=_foreign_origin(asking.origin))
    if not scope.includes(needed):
        return _Verdict(origin_allowed=shown, refusal=_too_narrow(scope, needed))
    return _Verdict(actor, scope, shown)


def _refuse_keyless(asking: _Asking, needed: Scope, keyless: Scope | None) -> MediaclusterError | None:
    if keyless is None or not keyless.includes(needed):
        return _missing_key(needed)
    # Browsers send requests for any page, even to loopback, and only hide the response. So unsafe ones are refused here.
    if asking.origin is not None and asking.unsafe:
        return _foreign_origin(asking.origin)
    return None


def _answer_preflight(database: Database, origin: str) -> Response:
    try:
        with database.transaction() as session:
            allowed = is_origin_allowed(session, origin)
    except MediaclusterError as error:
        return error_response(error)
    if not allowed:
        response: Response = error_response(_foreign_origin(origin))
        response.headers["Vary"] = _PREFLIGHT["Vary"]
        return response
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Access-Control-Allow-Origin": origin, **_PREFLIGHT})


def _with_cors(send: Send, origin: str | None) -> Send:
    """Let pages of `origin` read the response, and tell caches that it depends on the credentials."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Origin")
            if origin is not None and "access-control-allow-origin" not in headers:
                headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Expose-Headers"] = _EXPOSED
        await send(message)

    return sending


def _refuse(error: MediaclusterError) -> Response:
    response = error_response(error)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = _CHALLENGE
    # The body has not been read.
    response.headers["Connection"] = "close"
    return response


def _missing_key(needed: Scope) -> Unauthorized:
    return Unauthorized(
        "This request needs an API key.",
        hint="Send one as 'Authorization: Bearer mc_...'. Create one with `mediacluster key create "
        f"NAME --scope {needed}`.",
    )


def _unknown_key() -> Unauthorized:
    return Unauthorized("This API key is unknown or revoked.", hint="`mediacluster key list` shows the valid keys.")


def _too_narrow(scope: Scope, needed: Scope) -> Forbidden:
    return Forbidden(
        f"This request needs a key with scope '{needed}'; this key has '{scope}'.",
        hint=f"Create one with `mediacluster key create NAME --scope {needed}`.",
    )


def _foreign_origin(origin: str) -> Forbidden:
    return Forbidden(
        f"Pages from {origin} may not send this request.",
        hint=f"Create a key that allows this origin: `mediacluster key create NAME --scope read --origin {origin}`.",
    )
