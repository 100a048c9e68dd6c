"""Keeping an embedded server alive: it is started again when it has died, until that fails too often."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from backend.clock import CLOCK, Clock
from backend.embedded.postgres import postgres_lives, start_postgres, stop_postgres
from backend.embedded.processes import Started, last_lines
from backend.embedded.redis import redis_lives, start_redis, stop_redis
from backend.errors import BackendUnavailable, ConfigurationError, MediaclusterError

logger = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS: Final = 1.0
# With pauses of 1, 2, 4, 8, 16, 30 and 30 s between them: one and a half minutes, in which somebody may free space on a disk.
_MOST_STARTS: Final = 8
_LONGEST_PAUSE_SECONDS: Final = 30.0
# A server that has run for so long has been started successfully.
_STEADY_SECONDS: Final = 30.0


@dataclass(frozen=True)
class EmbeddedServer:
    """One of the two servers.

    Attributes:
        name: its name in sentences.
        log_name: the name of its log in the home.
        setting: the variable that names a server to use instead.
        lives: whether it runs in a home. Cheap, so it may be asked every second.
        start: starts it in a home unless it runs.
        stop: stops it in a home.
    """

    name: str
    log_name: str
    setting: str
    lives: Callable[[Path], bool]
    start: Callable[[Path], Started]
    stop: Callable[[Path], bool]


POSTGRES: Final = EmbeddedServer(
    "Postgres", "postgres.log", "DATABASE_URL", postgres_lives, start_postgres, stop_postgres
)
REDIS: Final = EmbeddedServer("Redis", "redis.log", "REDIS_URL", redis_lives, start_redis, stop_redis)


class ServerKeeper:
    """Runs one server under a home, and starts it again when it has died. Use it as a context manager.

    It is not stopped at the end: the caller does that, if `started` says that this call has started it.
    """

    def __init__(
        self, server: EmbeddedServer, home: Path, *, on_give_up: Callable[[], object], clock: Clock = CLOCK
    ) -> None:
        """`on_give_up` is called in another thread when the server cannot be started any more; `error` then says why."""
        self.started = False
        """Whether this keeper has started the server, now or later."""
        self.error: MediaclusterError | None = None
        """Why the server was given up; None while it is kept."""
        self._server = server
        self._home = home
        self._on_give_up = on_give_up
        self._clock = clock
        self._starts = 0
        self._not_before = clock.monotonic()
        self._steady_from = clock.monotonic()
        self._last_error: MediaclusterError | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {server.name}", daemon=True)

    def __enter__(self) -> Self:
        """Start the server unless it runs. Raises as `ensure_postgres`."""
        self.started = self._server.start(self._home).started
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ending.is_set():
            if not self._server.lives(self._home):
                self._start_again()
            if self.error is not None:
                logger.critical("%s", self.error.full_detail)
                if not self._ending.is_set():
                    self._on_give_up()
                return
            self._clock.sleep(_LOOK_EVERY_SECONDS)

    def _start_again(self) -> None:
        now = self._clock.monotonic()
        if self._last_error is None and now >= self._steady_from:
            self._starts, self._not_before = 0, now
        if self._starts >= _MOST_STARTS:
            self.error = self._gave_up()
        if self.error is not None or now < self._not_before:
            return
        logger.warning("%s has ended; starting it again.", self._server.name)
        self._starts += 1
        try:
            self.started = self._server.start(self._home).started or self.started
        except ConfigurationError as error:
            self.error = error  # trying again changes nothing
        except MediaclusterError as error:
            self._last_error = error
        except OSError as error:
            self._last_error = BackendUnavailable(f"{self._server.name} could not be started: {error}.")
        else:
            self._last_error = None
        if self._last_error is not None:
            logger.warning("%s", self._last_error.full_detail)
        now = self._clock.monotonic()
        self._not_before = now + min(2.0 ** (self._starts - 1), _LONGEST_PAUSE_SECONDS)
        self._steady_from = now + _STEADY_SECONDS

    def _gave_up(self) -> MediaclusterError:
        log = self._home / self._server.log_name
        if self._last_error is None:
            reason = f"It ends soon after each. The end of {log}:\n{last_lines(log)}"
        else:
            reason = self._last_error.full_detail
        return BackendUnavailable(
            f"The embedded {self._server.name} has ended, and {self._starts} starts in a row did not help. {reason}",
            hint=f"Fix what the log reports (often a full disk), then run the command again, or set "
            f"{self._server.setting} to your own server.",
        )
