"""The Celery application that beat loads: `celery -A workers.clock_app beat`. It sends names of tasks and imports none, which keeps the
process small: it runs as long as the library does."""

import itertools
import os
import socket
from typing import Any

from celery.signals import after_task_publish, beat_init

from backend.bootstrap import resolve_broker_url
from backend.doorbell import make_celery
from backend.settings import load_settings
from backend.supervision import pulse_path
from workers import processes  # noqa: F401 - connects signals
from workers.schedule import beat_schedule
from workers.watchdog import watch_clock

_settings = load_settings()
app = make_celery(resolve_broker_url(_settings))
app.conf.update(
    beat_schedule=beat_schedule(_settings),
    # In memory: both intervals are short, and a file that a kill interrupts could stop beat from starting again.
    beat_scheduler="celery.beat:Scheduler",
    broker_connection_max_retries=None,
)


@beat_init.connect
def _watch_clock(sender: Any, **_: object) -> None:
    settings = load_settings()
    rings = itertools.count()
    rung = [next(rings)]

    def count(**_: object) -> None:
        rung[0] = next(rings)

    after_task_publish.connect(count, weak=False)
    watch_clock(
        sender.app,
        lambda: rung[0],
        stall_seconds=max(settings.stall_seconds, 6 * settings.sweep_interval_seconds),
        pulse=pulse_path(settings.home_path, f"beat-{os.getpid()}@{socket.gethostname()}"),
    )
