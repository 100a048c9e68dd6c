"""The Celery application that workers, beat and Flower load: `celery -A workers.celery_app ...`."""

import itertools
import os
import signal
import socket
import threading
from typing import Any

from celery import Celery
from celery.signals import (
    after_task_publish,
    beat_init,
    setup_logging,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)

from backend.bootstrap import resolve_broker_url
from backend.doorbell import make_celery
from backend.logs import configure_logging
from backend.settings import Settings, load_settings
from backend.supervision import pulse_path
from workers.schedule import beat_schedule
from workers.watchdog import end_process, watch_clock, watch_worker


def make_worker_app(settings: Settings) -> Celery:
    """Settings for receiving. Acknowledging late is safe because attempts are counted in Postgres at claim time."""
    app = make_celery(resolve_broker_url(settings))
    app.conf.update(
        imports=("workers.tasks", "workers.heartbeat"),
        beat_schedule=beat_schedule(settings),
        beat_schedule_filename=str(settings.home_path / "celerybeat-schedule"),
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_soft_time_limit=settings.task_seconds,
        task_time_limit=settings.task_seconds + 30,
        # A batch that runs while the broker goes away is finished and recorded: its lease is what counts. Cancelling it
        # would kill the pool's process, and the new one would load the encoders again.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_max_retries=None,
        worker_proc_alive_timeout=120,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
    )
    return app


app = make_worker_app(load_settings())


@setup_logging.connect
def _log_our_way(**_: object) -> None:
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)


@worker_process_init.connect
def _prepare_process(**_: object) -> None:
    """After the fork of an embedding process; loading goes on beside the first messages."""
    from backend.embedding.encoders import configure_torch
    from workers import runtime

    configure_torch(load_settings().torch_threads)
    threading.Thread(target=runtime.preload, name="preload", daemon=True).start()


@worker_ready.connect
def _watch_worker(sender: Any, **_: object) -> None:
    settings = load_settings()
    watch_worker(
        sender.app,
        list(sender.app.amqp.queues.consume_from),
        stall_seconds=settings.stall_seconds,
        # Beyond Celery's own limit, which threads do not have.
        task_seconds=settings.task_seconds + 60,
        pulse=pulse_path(settings.home_path, sender.hostname),
    )


@worker_shutting_down.connect
def _abort_next_time(**_: object) -> None:
    """The first SIGTERM lets tasks end; Celery itself takes no notice of a second one."""
    signal.signal(signal.SIGTERM, lambda *_: end_process())


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
