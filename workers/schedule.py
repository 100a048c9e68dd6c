"""What beat rings for by itself."""

from typing import Any

from backend.doorbell import Work
from backend.settings import Settings


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """The sweep and the labels; a ring that is not taken before the next one is dropped."""
    return {
        "sweep": _every(settings.sweep_interval_seconds, Work.SWEEP),
        "label": _every(settings.label_interval_seconds, Work.LABEL),
    }


def _every(seconds: float, work: Work) -> dict[str, Any]:
    return {"task": work.value, "schedule": seconds, "options": {"queue": work.queue, "expires": seconds}}
