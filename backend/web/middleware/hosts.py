"""Check of the Host header, against DNS rebinding.

A page of another site can make its own name resolve to this machine. The browser then treats both as the same site, and
only the Host header shows the difference. So a server that requires no key accepts requests to its own names only.
"""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import Forbidden
from backend.settings import Settings
from backend.web.middleware.problems import error_response


class Hosts:
    """ASGI middleware that refuses requests with a foreign Host header."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in settings.allowed_hosts)
        self._open = settings.authentication == "keys" and not self._names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._open:
            await self._app(scope, receive, send)
            return
        name = host_name(Headers(scope=scope).get("host", ""))
        if is_loopback(name) or name in self._names:
            await self._app(scope, receive, send)
            return
        refusal = Forbidden(
            f"This server does not accept requests for the host {name or 'no name'!r}.",
            hint="Add the name to MEDIACLUSTER_ALLOWED_HOSTS. If others can reach the server, also set "
            "MEDIACLUSTER_AUTHENTICATION=keys.",
        )
        response = error_response(refusal)
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


def split_address(address: str) -> SplitResult:
    """Split an address that a client sent. All parts are empty if it is malformed."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def host_name(host: str) -> str:
    """The host name of a Host header, without port, in lower case. Empty if the header is malformed."""
    return (split_address(f"//{host}").hostname or "").removesuffix(".")


def is_loopback(name: str) -> bool:
    """Whether a host can only mean this machine. IP addresses cannot be rebound, unlike names."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
