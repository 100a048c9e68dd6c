"""Timing of the pipeline's steps. A failure to record is ignored: metrics are not worth a picture."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import MediaclusterError
from backend.features.services import Services
from backend.store.telemetry import Measure, add_values

logger = logging.getLogger(__name__)


class Stopwatch:
    """Collects measurements of one batch from several threads, and writes them at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Measure, list[float]] = {}

    @contextmanager
    def timed(self, measure: Measure) -> Iterator[None]:
        """Measure the seconds that the block takes, unless it fails."""
        begun = time.perf_counter()
        yield
        self.note(measure, time.perf_counter() - begun)

    def note(self, measure: Measure, *values: float) -> None:
        """Add values."""
        with self._lock:
            self._values.setdefault(measure, []).extend(values)

    def write(self, services: Services) -> None:
        """Write all measurements."""
        with self._lock:
            values, self._values = self._values, {}
        if not any(values.values()):
            return
        try:
            with services.database.transaction() as session:
                add_values(session, values)
        except MediaclusterError as error:
            logger.warning("Figures were not counted: %s", error.full_detail)
