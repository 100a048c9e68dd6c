"""Who may decode pictures at once, who waits and who is refused."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from backend.errors import BackendUnavailable, RateLimited
from backend.web.middleware import turns
from backend.web.middleware.turns import Turns


def test_turns__one_caller_leaves_room_for_others() -> None:
    async def run() -> None:
        shared = Turns()
        async with AsyncExitStack() as held:
            for _ in range(24):
                await held.enter_async_context(shared.take("greedy"))
            waiting = asyncio.create_task(_hold(shared, "greedy", asyncio.Event()))
            await asyncio.sleep(0)
            async with shared.take("honest"):
                assert not waiting.done()
                assert len(shared._waiting) == 1
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(run())


def test_turns__too_many_that_wait_are_refused_by_caller_and_in_all() -> None:
    async def run() -> None:
        shared, end = Turns(), asyncio.Event()
        tasks = [asyncio.create_task(_hold(shared, caller, end)) for caller in ("one", "two") for _ in range(24 + 32)]
        await asyncio.sleep(0)
        refused = [task for task in tasks if task.done()]
        # Thirty work. Of `one` 24 and 32 wait; of `two` six and 32, and the others are refused.
        assert len(refused) == 2 * (24 + 32) - 30 - 64
        for task in refused:
            assert isinstance(task.exception(), RateLimited)
        with pytest.raises(RateLimited) as told:
            async with shared.take("one"):
                pass
        assert told.value.context["retry_after_seconds"] == 5
        with pytest.raises(BackendUnavailable):
            async with shared.take("three"):
                pass
        end.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not shared._working
        assert not shared._waiting

    asyncio.run(run())


def test_turns__one_that_waits_too_long_is_refused_and_one_that_leaves_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "_PATIENCE_SECONDS", 0.01)

    async def run() -> None:
        shared = Turns()
        async with AsyncExitStack() as held:
            for _ in range(24):
                await held.enter_async_context(shared.take("one"))
            with pytest.raises(BackendUnavailable):
                async with shared.take("one"):
                    pass
            left = asyncio.create_task(_hold(shared, "one", asyncio.Event()))
            await asyncio.sleep(0)
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
        assert not shared._waiting
        assert not shared._working

    asyncio.run(run())


async def _hold(shared: Turns, caller: str, end: asyncio.Event) -> None:
    async with shared.take(caller):
        await end.wait()
