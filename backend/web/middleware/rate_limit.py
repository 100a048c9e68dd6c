"""Rate limits on uploads and searches, per key or per address.

They are counted in this process, because an upload must not depend on Redis. With several API processes the limit is
multiplied by their number. Routes declare their limit with `limited`, not by path.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import RateLimited
from backend.features.access import network_of
from backend.settings import Settings
from backend.web.middleware.authentication import client_address
from backend.web.middleware.problems import error_response

UPLOADS: Final = "uploads"
SEARCHES: Final = "searches"
_MOST_CALLERS = 10_000
_ATTRIBUTE: Final = "rate_limit_kind"

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


def limited(kind: str) -> Callable[[Endpoint], Endpoint]:
    """Decorator for endpoints, below `@router.post`: count requests as uploads or as searches of the caller."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, kind)
        return endpoint

    return mark


def limit_of(endpoint: object) -> str | None:
    """The kind that requests to an endpoint count as, None if they are not limited."""
    kind = getattr(endpoint, _ATTRIBUTE, None)
    assert kind is None or isinstance(kind, str)
    return kind


def limited_routes(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Method, path and kind of each limited route, including those of mounted applications."""
    for found in iter_route_contexts(routes):
        if isinstance(found.route, Mount):
            yield from limited_routes(found.route.routes, prefix + found.route.path)
        elif found.path is not None and (kind := limit_of(found.endpoint)) is not None:
            yield from ((method, prefix + found.path, kind) for method in sorted(found.methods or ()))


class Buckets:
    """Token buckets that hold a minute's allowance and refill evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: str) -> int:
        """Take one token. Returns 0, or the seconds until the next token is available."""
        now = self._clock()
        with self._lock:
            left, at = self._left.get(caller, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - at) * self._per_minute / 60)
            if len(self._left) >= _MOST_CALLERS and caller not in self._left:
                self._left = {one: (left, at) for one, (left, at) in self._left.items() if now - at < 60}
            taken = left >= 1
            self._left[caller] = (left - 1 if taken else left, now)
        return 0 if taken else max(1, math.ceil((1 - left) * 60 / self._per_minute))


class RateLimit:
    """ASGI middleware. Applies only if every request needs a key: the owner of a local library imports thousands of files."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        allowed = {UPLOADS: settings.uploads_per_minute, SEARCHES: settings.searches_per_minute}
        holds = settings.authentication == "keys"
        self._buckets = {kind: Buckets(number) for kind, number in allowed.items() if holds and number}
        self._rules: list[tuple[str, re.Pattern[str], str]] | None = None  # filled on the first request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = self._kind_of(scope) if self._buckets and scope["type"] == "http" else None
        buckets = None if kind is None else self._buckets.get(kind)
        if buckets is None:
            await self._app(scope, receive, send)
            return
        caller = scope.get("state", {}).get("actor") or network_of(client_address(scope))
        if not (seconds := buckets.take(caller)):
            await self._app(scope, receive, send)
            return
        refusal = RateLimited(
            f"Too many {kind} in one minute.",
            hint="Wait the number of seconds in Retry-After, or raise the limit in the settings.",
            retry_after_seconds=seconds,
        )
        response = error_response(refusal)
        # The body has not been read.
        response.headers["Connection"] = "close"
        await response(scope, receive, send)

    def _kind_of(self, scope: Scope) -> str | None:
        if self._rules is None:
            found = limited_routes(scope["app"].routes)
            self._rules = [(method, compile_path(path)[0], kind) for method, path, kind in found]
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return next(
            (kind for method, pattern, kind in self._rules if method == scope["method"] and pattern.match(path)), None
        )
