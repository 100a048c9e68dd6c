"""The Celery application that workers and Flower load: `celery -A workers.celery_app ...`."""

import multiprocessing
import os
import signal
import threading
from typing import Any

from celery.signals import worker_process_init, worker_ready, worker_shutting_down

from backend.doorbell import Work
from backend.settings import load_settings
from backend.supervision import pulse_path
from workers import processes  # noqa: F401 - connects signals
from workers.receiving import make_worker_app
from workers.watchdog import end_process, watch_worker

app = make_worker_app(load_settings())

# Set by the embedding process, which is forked from the one that reports the worker's health.
_is_loaded = multiprocessing.Event()


@worker_process_init.connect
def _prepare_process(**_: object) -> None:
    """Set up an embedding process after its fork. Encoders load while the first messages already arrive."""
    from backend.encoders import configure_torch
    from workers import runtime

    configure_torch(load_settings().torch_threads)
    threading.Thread(target=runtime.preload, args=(_is_loaded.set,), name="preload", daemon=True).start()
    runtime.watch_encoders()


@worker_ready.connect
def _watch_worker(sender: Any, **_: object) -> None:
    settings = load_settings()
    queues = list(sender.app.amqp.queues.consume_from)
    watch_worker(
        sender.app,
        queues,
        stall_seconds=settings.stall_seconds,
        # Longer than Celery's own time limit, which does not apply to threads.
        task_seconds=settings.task_seconds + 60,
        pulse=pulse_path(settings.home_path, sender.hostname),
        is_ready=_is_loaded.is_set if Work.EMBED.queue in queues else None,
    )


@worker_shutting_down.connect
def _exit_on_second_sigterm(**_: object) -> None:
    """Make a second SIGTERM end the process at once. The first lets tasks finish, and Celery ignores a second one."""
    signal.signal(signal.SIGTERM, lambda *_: end_process())
    # Not through a logger: the signal may have interrupted one.
    os.write(2, b"The tasks under way are finished first. A second SIGTERM ends this worker at once.\n")
