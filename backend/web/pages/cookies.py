"""The session cookie: its name, attributes and lifetime."""

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

_MOUNT = "/admin"


def cookie_name(scope: Scope) -> str:
    """Name of the session cookie.

    Over https, the `__Host-` prefix makes browsers guarantee that only this server set it. Over http, cookies are shared
    between ports, so the name contains the port to keep two servers on one machine apart.
    """
    if scope["scheme"] == "https":
        return "__Host-mediacluster"
    _host, _, port = Headers(scope=scope).get("host", "").rpartition(":")
    return f"mediacluster-{port if port.isdecimal() else '80'}"


def read_secret(scope: Scope) -> str | None:
    """The session secret in the cookie, None without a cookie."""
    # Servers on one machine share cookies, and some store JSON in theirs, at which the parser of the standard library stops.
    return cookie_parser(Headers(scope=scope).get("cookie", "")).get(cookie_name(scope))


def set_secret(response: Response, scope: Scope, secret: str, *, seconds: float) -> None:
    """Set the session cookie: unreadable for scripts, and sent by other sites only when a link is followed."""
    secure = scope["scheme"] == "https"
    response.set_cookie(
        cookie_name(scope),
        secret,
        max_age=int(seconds),
        path="/" if secure else _MOUNT,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def clear_secret(response: Response, scope: Scope) -> None:
    secure = scope["scheme"] == "https"
    response.delete_cookie(
        cookie_name(scope), path="/" if secure else _MOUNT, secure=secure, httponly=True, samesite="lax"
    )
