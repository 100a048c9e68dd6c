"""Doorbell: messages that tell workers that there is work. They carry no state, so a lost one costs only time."""

import enum
import logging
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Final, Protocol

from celery import Celery
from kombu.exceptions import OperationalError

from backend.errors import BackendUnavailable

logger = logging.getLogger(__name__)

# Requests ring. They wait no longer for a broker that neither answers nor refuses.
_PATIENCE_SECONDS: Final = 0.3


class Work(enum.StrEnum):
    """The kinds of work. Each value is the name of the task that does it."""

    FETCH = "mediacluster.fetch"
    EMBED = "mediacluster.embed"
    FILL = "mediacluster.fill"
    ASSIGN = "mediacluster.assign"
    DELIVER = "mediacluster.deliver"
    SWEEP = "mediacluster.sweep"
    LABEL = "mediacluster.label"
    COMPARE = "mediacluster.compare"
    REVIEW = "mediacluster.review"
    AUDIT = "mediacluster.audit"

    @property
    def queue(self) -> str:
        """The queue of the task. Embedding has a separate queue, so that light tasks do not wait behind it."""
        return "embed" if self in {Work.EMBED, Work.FILL} else "light"


class Wait(Protocol):
    """Waits for a thread, for so many seconds at most."""

    def __call__(self, thread: threading.Thread, seconds: float, /) -> object: ...


class Doorbell:
    """Sends messages to workers over one broker."""

    def __init__(self, celery: Celery | Callable[[], Celery], *, wait: "Wait | None" = None) -> None:
        """`celery` may be a function that makes it when it is first needed. `wait` waits for a thread, by default until it ends or the
        time is up."""
        self._given = celery
        self._wait = wait or threading.Thread.join
        self._ringing: threading.Thread | None = None

    @cached_property
    def _celery(self) -> Celery:
        return self._given if isinstance(self._given, Celery) else self._given()

    def ring(self, work: Work, *, expires_seconds: float | None = None) -> bool:
        """Send a message. False if the broker cannot be reached, or takes longer than 0.3 s; the sweeper then rings later.

        While an earlier message is still on its way, this does not wait.
        """
        if self._ringing is not None and self._ringing.is_alive():
            return False
        failed: list[Exception] = []

        def send() -> None:
            try:
                self._celery.send_task(
                    work.value, queue=work.queue, expires=expires_seconds, ignore_result=True, retry=False
                )
            except (OperationalError, OSError) as error:
                failed.append(error)

        ringing = threading.Thread(target=send, name="doorbell", daemon=True)
        ringing.start()
        self._wait(ringing, _PATIENCE_SECONDS)
        if ringing.is_alive():
            self._ringing = ringing
            logger.warning("The broker does not answer; the sweeper will ring for %s later.", work.value)
            return False
        if failed:
            logger.warning(
                "The broker cannot be reached; the sweeper will ring for %s later: %s", work.value, failed[0]
            )
        return not failed

    def check(self) -> None:
        """Raise BackendUnavailable if the broker does not answer within two seconds."""
        try:
            with self._celery.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=2, interval_start=0)
        except (OperationalError, OSError) as error:
            raise BackendUnavailable(
                "The broker does not answer.", reason=str(error), hint="Start Redis, or correct REDIS_URL."
            ) from error

    def count_listeners(self, *, timeout_seconds: float = 1.0) -> int:
        """The number of worker processes that answer."""
        try:
            return len(self._celery.control.ping(timeout=timeout_seconds) or [])
        except (OperationalError, OSError):
            return 0


def make_celery(broker_url: str) -> Celery:
    """Create a Celery app for sending. `workers.receiving` adds the settings for receiving."""
    app = Celery("mediacluster", broker=broker_url)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue="light",
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 3600,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            # Requests ring: they must not wait while a broker is away. Left to itself, kombu would try for 12 s each time.
            "max_retries": 1,
            "interval_start": 0,
        },
    )
    return app
