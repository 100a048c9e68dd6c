"""Turns of requests that decode pictures. They wait without a thread, so slow pictures leave threads for all other requests.

Sync endpoints share forty threads. Without turns, forty uploads of slow files would hold them all, and neither pages nor
`GET /health/ready` would answer.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Request

from backend.errors import BackendUnavailable, RateLimited
from backend.features.access import network_of
from backend.files.decoding import decoding_for
from backend.web.middleware.authentication import client_address

# Of forty threads. Sixteen of one caller may wait for their groups (`backend.features.intake.uploads`), and eight go on.
_MOST_AT_ONCE: Final = 30
_MOST_AT_ONCE_EACH: Final = 24
_MOST_WAITING: Final = 64
_MOST_WAITING_EACH: Final = 32
_PATIENCE_SECONDS: Final = 30.0
_RETRY_AFTER_SECONDS: Final = 5


class Turns:
    """Lets so many requests work at once, in all and of each caller. Others wait in order, up to a bound. For one event loop."""

    def __init__(self) -> None:
        self._working: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def take(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it within the block.

        Raises:
            RateLimited: too many requests of this caller wait.
            BackendUnavailable: too many requests wait in all, or this one has waited too long.
        """
        if self._has_room(caller):
            self._working[caller] += 1
        else:
            await self._wait(caller)
        try:
            yield
        finally:
            self._give_back(caller)

    async def _wait(self, caller: str) -> None:
        if sum(waiting == caller for waiting, _ in self._waiting) >= _MOST_WAITING_EACH:
            raise RateLimited(
                f"{_MOST_WAITING_EACH} of your requests with pictures are waiting already.",
                hint="Send fewer at once, and this one again after the number of seconds in Retry-After.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        if len(self._waiting) >= _MOST_WAITING:
            raise _busy()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((caller, turn))
        try:
            await asyncio.wait_for(asyncio.shield(turn), _PATIENCE_SECONDS)
        except BaseException as error:
            if turn.done():  # the turn came in the same moment
                self._give_back(caller)
            else:
                self._waiting.remove((caller, turn))
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _has_room(self, caller: str) -> bool:
        return self._working.total() < _MOST_AT_ONCE and self._working[caller] < _MOST_AT_ONCE_EACH

    def _give_back(self, caller: str) -> None:
        self._working[caller] -= 1
        if not self._working[caller]:
            del self._working[caller]
        for waiting in list(self._waiting):
            if self._has_room(waiting[0]):
                self._waiting.remove(waiting)
                self._working[waiting[0]] += 1
                waiting[1].set_result(None)


def caller_of(request: Request) -> str:
    """By whom a request counts: its key or account, without one its network."""
    return str(getattr(request.state, "actor", None) or network_of(client_address(request.scope)))


async def take_turn(request: Request) -> AsyncIterator[None]:
    """Dependency that holds a turn until the answer, in which decoders are shared fairly between callers."""
    caller = caller_of(request)
    turns: Turns = request.app.state.turns
    async with turns.take(caller):
        with decoding_for(caller):
            yield


TurnDependency: TypeAlias = Annotated[None, Depends(take_turn)]


def _busy() -> BackendUnavailable:
    return BackendUnavailable(
        "The server is busy with other pictures.", hint="Send this again after the number of seconds in Retry-After."
    )
