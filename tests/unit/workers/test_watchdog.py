"""When a worker has to end: it takes nothing up although messages wait for it."""

from pathlib import Path

import pytest

from workers import watchdog
from workers.watchdog import LOOK_EVERY_SECONDS, Sight, Vigil

STALL_SECONDS = 40.0
START_SECONDS = 240.0


def judge(sights: list[Sight], *, every: float = LOOK_EVERY_SECONDS) -> float | None:
    """Seconds until the vigil ends the process; None where it never does."""
    vigil = Vigil(STALL_SECONDS, start_seconds=START_SECONDS)
    for number, sight in enumerate(sights):
        if vigil.judge(sight, number * every) is not None:
            return number * every
    return None


IDLE = Sight(waiting=0, progress=7)
WORKING = Sight(waiting=3, progress=8, busy=True)
STALLED = Sight(waiting=3, progress=8)
BROKER_AWAY = Sight(waiting=None, progress=8)


def test_vigil__messages_wait_and_nothing_is_taken_up() -> None:
    assert judge([IDLE, WORKING, *[STALLED] * 20]) == pytest.approx(2 * LOOK_EVERY_SECONDS + STALL_SECONDS)


def test_vigil__before_the_first_task_it_is_given_more_time() -> None:
    """Loading encoders takes long, and a restart would begin again."""
    ended = judge([Sight(waiting=3, progress=0)] * 100)
    assert ended == pytest.approx(START_SECONDS, abs=2 * LOOK_EVERY_SECONDS)


@pytest.mark.parametrize(
    "sights",
    [
        [IDLE] * 100,
        [WORKING] * 100,
        [WORKING, *[BROKER_AWAY] * 100],
        [Sight(waiting=3, progress=number) for number in range(100)],
        [WORKING, *[STALLED, STALLED, BROKER_AWAY] * 30],
    ],
    ids=["nothing to do", "busy with one task", "no broker", "takes up one after another", "broker comes and goes"],
)
def test_vigil__lets_a_process_live_that_is_not_at_fault(sights: list[Sight]) -> None:
    assert judge(sights) is None


def test_vigil__the_time_that_it_was_stopped_itself_does_not_count() -> None:
    vigil = Vigil(STALL_SECONDS)
    vigil.judge(WORKING, 0.0)
    vigil.judge(STALLED, 5.0)
    assert vigil.judge(STALLED, 500.0) is None
    assert vigil.judge(STALLED, 505.0) is None
    assert vigil.judge(STALLED, 505.0 + STALL_SECONDS - 20) is None


def test_vigil__a_task_that_runs_beyond_all_limits() -> None:
    assert judge([WORKING, Sight(waiting=None, progress=8, busy=True, overdue=True)]) == LOOK_EVERY_SECONDS


class Ended(BaseException):
    """The watch has no end of its own."""


def test_keep_watch__the_pulse_begins_when_the_process_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the one before has left says nothing of this one."""
    monkeypatch.setattr(watchdog, "LOOK_EVERY_SECONDS", 0.0)
    pulse = tmp_path / "run" / "worker"
    pulse.parent.mkdir()
    pulse.touch()
    readiness = iter([False, False, True, True])
    had_pulse: list[bool] = []

    def look() -> Sight:
        had_pulse.append(pulse.exists())
        if len(had_pulse) == 5:
            raise Ended
        return IDLE

    with pytest.raises(Ended):
        watchdog._keep_watch(Vigil(STALL_SECONDS), look, pulse, lambda: next(readiness))
    assert had_pulse == [False, False, False, True, True]
