"""How long a body may take, by a clock that the test sets."""

import asyncio
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from backend.web.middleware.body_limit import BodyLimit
from tests.support.clock import SetClock

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
PATIENCE_SECONDS = 60.0


def answer_to(pieces: Iterable[bytes], *, every_seconds: float) -> tuple[int, bytes]:
    """Status and body of the answer to a request whose pieces come so far apart. The application sends back what it read."""
    clock = SetClock()
    coming = iter(pieces)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)  # where a timeout that is over ends it
        clock.pass_by(every_seconds)
        piece = next(coming, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Message) -> None:
        sent.append(message)

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await PlainTextResponse(body)(scope, receive, send)

    limited = BodyLimit(echo, 1_000_000, PATIENCE_SECONDS, clock=clock)
    asyncio.run(limited(dict(SCOPE), receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_body__one_that_is_slow_and_steady_is_taken() -> None:
    pieces = [bytes([number]) * 2048 for number in range(100)]
    assert answer_to(pieces, every_seconds=1.5) == (200, b"".join(pieces))


def test_body__one_that_drips_is_refused() -> None:
    """Never still for as long as it may be."""
    status, told = answer_to([b"x"] * 10_000, every_seconds=PATIENCE_SECONDS / 2)
    assert status == 408
    assert b"too little data within 60 seconds" in told
