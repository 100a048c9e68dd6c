"""By which names the server may be asked.

A page of another site can have its own name lead to this machine (DNS rebinding): to the browser it is the same site
then, and only the name in the request tells. So a server that asks programs for no key answers to its own names alone.
"""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import Forbidden
from backend.settings import Settings
from backend.web.middleware.problems import error_response


class Hosts:
    """ASGI middleware that refuses requests by other names."""

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
    """The parts of an address that somebody sent; all empty where it cannot be read."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def host_name(host: str) -> str:
    """The name in a Host header: without its port, in lower case; '' where it cannot be read."""
    return (split_address(f"//{host}").hostname or "").removesuffix(".")


def is_loopback(name: str) -> bool:
    """Whether a name or an address can mean this machine only. Addresses are no names that somebody could rebind."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
