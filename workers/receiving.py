"""Celery settings of workers, for receiving. Importing this starts nothing."""

from celery import Celery

from backend.bootstrap import resolve_broker_url
from backend.doorbell import make_celery
from backend.settings import Settings


def make_worker_app(settings: Settings) -> Celery:
    """Create a Celery app for receiving. Late acknowledgement is safe, since Postgres counts attempts when work is claimed."""
    app = make_celery(resolve_broker_url(settings))
    app.conf.update(
        imports=("workers.tasks", "workers.heartbeat"),
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_soft_time_limit=settings.task_seconds,
        task_time_limit=settings.task_seconds + 30,
        # If the broker goes away, a running batch is finished and recorded, since only its lease matters. Cancelling it
        # would kill the pool's process, and the new one would have to load the encoders again.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_max_retries=None,
        worker_proc_alive_timeout=120,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
    )
    return app
