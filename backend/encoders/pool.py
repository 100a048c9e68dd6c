"""The encoders of several spaces in one process, by what they are."""

import threading
from collections.abc import Callable, Collection

from backend.encoders.encoders import Encoders

Fingerprints = tuple[str, str]


class EncoderPool:
    """Keeps each pair of encoders once. Safe for threads; making a pair is cheap, models are loaded when first used."""

    def __init__(self) -> None:
        self._kept: dict[Fingerprints, Encoders] = {}
        self._lock = threading.Lock()

    def get(self, fingerprints: Fingerprints, make: Callable[[], Encoders]) -> Encoders:
        """The pair with these fingerprints, made now if it is not there. A failure is not kept."""
        with self._lock:
            if fingerprints not in self._kept:
                self._kept[fingerprints] = make()
            return self._kept[fingerprints]

    def keep(self, wanted: Collection[Fingerprints]) -> None:
        """Let go of all others. Whoever is using one goes on with it."""
        with self._lock:
            self._kept = {key: encoders for key, encoders in self._kept.items() if key in wanted}
