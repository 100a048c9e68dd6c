"""Request durations by route template (/media/{media_id}), not by path, so that the number of series stays small."""

import time
from http import HTTPMethod
from typing import Final

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_METHODS: Final = frozenset(HTTPMethod)
NO_ROUTE: Final = "none"
"""Label of requests to unknown paths, and of requests refused before routing."""


class RequestMetrics:
    """ASGI middleware, outside of all that can refuse a request."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._seconds = Histogram(
            "mediacluster_http_request_seconds",
            "How long requests took, until the last byte of the answer.",
            labelnames=("method", "route", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        outer_root: str = scope.get("root_path", "")
        status = 500

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            labels = (method, _route_template(scope, outer_root), f"{status // 100}xx")
            self._seconds.labels(*labels).observe(time.perf_counter() - begun)


def _route_template(scope: Scope, outer_root: str) -> str:
    """The full template of the matched route. Routes leave it in the scope, and mounted applications leave their prefix."""
    mounted: str = scope.get("root_path", "").removeprefix(outer_root)
    template = getattr(scope.get("route"), "path", None)
    return mounted + template if isinstance(template, str) else mounted or NO_ROUTE
