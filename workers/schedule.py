"""What beat rings for by itself."""

from typing import Any

from backend.doorbell import Work
from backend.settings import Settings


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """The sweep; a ring that is not taken before the next one is dropped."""
    return {
        "sweep": {
            "task": Work.SWEEP.value,
            "schedule": settings.sweep_interval_seconds,
            "options": {"queue": Work.SWEEP.queue, "expires": settings.sweep_interval_seconds},
        }
    }
