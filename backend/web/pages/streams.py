"""Server-sent events: what has changed, told while somebody listens.

What changes is read by asking the database again, for a moment each time: it holds no connection while it waits, and works
behind a pooler that does not carry LISTEN.
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
"""nginx holds events back otherwise."""

_QUICK_SECONDS = 0.4
_SLOW_SECONDS = 1.2
_SLOWER = 1.4
_HEARTBEAT_SECONDS = 15.0
# Whoever still listens asks anew, and is let in anew.
_LONGEST_SECONDS = 300.0


async def stream_changes(
    read: Callable[[], tuple[Mapping[str, Any], bool]], ending: threading.Event
) -> AsyncIterator[bytes]:
    """`changes` events, each a JSON list of what differs from what was told before, until all is settled or `ending`.

    `read` returns what is there now, by key, and whether nothing will change any more. It is called in a thread.
    """
    told: dict[str, Any] = {}
    wait_seconds = _QUICK_SECONDS
    started = spoke = time.monotonic()
    while not ending.is_set() and time.monotonic() - started < _LONGEST_SECONDS:
        try:
            now, is_settled = await run_in_threadpool(read)
        except MediaclusterError:
            # The listener asks in another way then, and hears what is wrong.
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
    """One event; JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
