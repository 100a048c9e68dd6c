"""Server-sent events with changes, for as long as a client listens.

Changes are found by polling the database. That holds no connection between two polls, and works behind a pooler without
LISTEN.
"""

import asyncio
import json
import resource
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from backend.errors import BackendUnavailable, MediaclusterError, RateLimited

_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""`X-Accel-Buffering: no` stops nginx from buffering the events."""

_QUICK_SECONDS = 0.4
_SLOW_SECONDS = 1.2
_SLOWER = 1.4
_HEARTBEAT_SECONDS = 15.0
# The client reconnects then, and is authenticated again.
_LONGEST_SECONDS = 300.0
# Each stream holds an open file for minutes. A quarter of those that the process may have, so that other requests, the database and the
# storage have theirs; and no more than can be read for in turn.
_PART_OF_FILES = 4
_MOST = 256
_PART_EACH = 4
# Pages poll when they are refused a stream, and ask for one again later.
_RETRY_AFTER_SECONDS = 10


class Listeners:
    """Bounds the streams that are open, in all and of each caller. For one event loop."""

    def __init__(self, most: int | None = None) -> None:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        fit = _MOST if files == resource.RLIM_INFINITY else files // _PART_OF_FILES
        self.most = min(fit, _MOST) if most is None else most
        self.most_each = max(1, self.most // _PART_EACH)
        self._open: Counter[str] = Counter()

    @contextmanager
    def listen(self, caller: str) -> Iterator[None]:
        """Hold a place within the block.

        Raises:
            RateLimited: this caller has its share of streams.
            BackendUnavailable: all places are taken.
        """
        if self._open[caller] >= self.most_each:
            raise RateLimited(
                f"{self.most_each} of your pages listen for progress already.",
                hint="Close some, or ask for the progress without a stream.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        if self._open.total() >= self.most:
            raise BackendUnavailable(
                "Too many pages listen for progress.", hint="Ask for the progress without a stream, or try again later."
            )
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]


class EventStream(StreamingResponse):
    """The answer with the events. It takes its place when it begins, and gives it back however it ends."""

    def __init__(self, events: AsyncIterator[bytes], listeners: Listeners, caller: str) -> None:
        super().__init__(events, media_type=_MEDIA_TYPE, headers=_HEADERS)
        self._listeners = listeners
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._listeners.listen(self._caller):
            await super().__call__(scope, receive, send)


async def stream_changes(
    read: Callable[[], tuple[Mapping[str, Any], bool]], ending: threading.Event
) -> AsyncIterator[bytes]:
    """Yield `changes` events, each a JSON list of the values that changed, until all is settled or `ending` is set.

    `read` returns the current values by key, and whether they are final. It runs in a thread.
    """
    told: dict[str, Any] = {}
    wait_seconds = _QUICK_SECONDS
    started = spoke = time.monotonic()
    while not ending.is_set() and time.monotonic() - started < _LONGEST_SECONDS:
        try:
            now, is_settled = await run_in_threadpool(read)
        except MediaclusterError:
            # The client falls back to polling, which shows it the error.
            return
        changed = [value for key, value in now.items() if told.get(key) != value]
        told.update(now)
        if changed:
            yield format_event("changes", changed)
            spoke = time.monotonic()
        elif time.monotonic() - spoke > _HEARTBEAT_SECONDS:
            yield b": still here\n\n"
            spoke = time.monotonic()
        if is_settled:
            yield format_event("settled", {})
            return
        wait_seconds = _QUICK_SECONDS if changed else min(wait_seconds * _SLOWER, _SLOW_SECONDS)
        await asyncio.sleep(wait_seconds)


def format_event(name: str, data: Any) -> bytes:
    """Format one event. JSON never contains line breaks here."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
