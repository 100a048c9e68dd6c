"""The cookie of a session: what its name promises, and how long it lasts."""

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

_MOUNT = "/admin"


def cookie_name(scope: Scope) -> str:
    """Over https the browser itself sees to it that only this server can have set it (`__Host-`).

    Over http cookies know no ports, so the name does: two servers on one machine keep theirs apart.
    """
    if scope["scheme"] == "https":
        return "__Host-mediacluster"
    _host, _, port = Headers(scope=scope).get("host", "").rpartition(":")
    return f"mediacluster-{port if port.isdecimal() else '80'}"


def read_secret(scope: Scope) -> str | None:
    """What the cookie of this server holds."""
    # Servers on one machine share its cookies, and some keep JSON in theirs: the standard library gives up at the first.
    return cookie_parser(Headers(scope=scope).get("cookie", "")).get(cookie_name(scope))


def set_secret(response: Response, scope: Scope, secret: str, *, seconds: float) -> None:
    """Scripts cannot read it, and other sites cannot have it sent along but by a link."""
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
