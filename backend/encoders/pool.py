"""Pool of the encoders of several spaces in one process, by fingerprints."""

import threading
from collections.abc import Callable, Collection

from backend.encoders.encoders import Encoders

Fingerprints = tuple[str, str]


class EncoderPool:
    """Keeps one instance of each pair of encoders. Thread-safe. Making a pair is cheap; models are loaded on first use."""

    def __init__(self) -> None:
        self._kept: dict[Fingerprints, Encoders] = {}
        self._lock = threading.Lock()

    def get(self, fingerprints: Fingerprints, make: Callable[[], Encoders]) -> Encoders:
        """The pair with these fingerprints. Made if it is not in the pool; a failure is not cached."""
        with self._lock:
            if fingerprints not in self._kept:
                self._kept[fingerprints] = make()
            return self._kept[fingerprints]

    def keep(self, wanted: Collection[Fingerprints]) -> None:
        """Drop all other pairs. Code that is using one can continue to do so."""
        with self._lock:
            self._kept = {key: encoders for key, encoders in self._kept.items() if key in wanted}
