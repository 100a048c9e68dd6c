"""Server-sent events with changes, for as long as a client listens.

Changes are found by polling the database. That holds no connection between two polls, and works behind a pooler without
LISTEN.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from backend.errors import MediaclusterError

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""`X-Accel-Buffering: no` stops nginx from buffering the events."""

_QUICK_SECONDS = 0.4
_SLOW_SECONDS = 1.2
_SLOWER = 1.4
_HEARTBEAT_SECONDS = 15.0
# The client reconnects then, and is authenticated again.
_LONGEST_SECONDS = 300.0


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
