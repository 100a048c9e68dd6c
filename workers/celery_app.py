"""The Celery application that workers, beat and Flower load: `celery -A workers.celery_app ...`."""

import threading

from celery import Celery
from celery.signals import worker_process_init

from backend.bootstrap import resolve_broker_url
from backend.doorbell import make_celery
from backend.settings import Settings, load_settings
from workers.schedule import beat_schedule


def make_worker_app(settings: Settings) -> Celery:
    """Settings for receiving. Acknowledging late is safe because attempts are counted in Postgres at claim time."""
    app = make_celery(resolve_broker_url(settings))
    app.conf.update(
        imports=("workers.tasks",),
        beat_schedule=beat_schedule(settings),
        beat_schedule_filename=str(settings.home_path / "celerybeat-schedule"),
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_soft_time_limit=settings.task_seconds,
        task_time_limit=settings.task_seconds + 30,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_max_retries=None,
        worker_proc_alive_timeout=120,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
    )
    return app


app = make_worker_app(load_settings())


@worker_process_init.connect
def _prepare_process(**_: object) -> None:
    """After the fork of an embedding process; loading goes on beside the first messages."""
    from backend.embedding.encoders import configure_torch
    from workers import runtime

    configure_torch(load_settings().torch_threads)
    threading.Thread(target=runtime.preload, name="preload", daemon=True).start()
