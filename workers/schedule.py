"""The schedule of beat: work that it triggers periodically."""

from typing import Any

from backend.doorbell import Work
from backend.settings import Settings


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """The schedule of the sweep and of labelling. A message that is not taken before the next one expires."""
    return {
        "sweep": _every(settings.sweep_interval_seconds, Work.SWEEP),
        "label": _every(settings.label_interval_seconds, Work.LABEL),
    }


def _every(seconds: float, work: Work) -> dict[str, Any]:
    return {"task": work.value, "schedule": seconds, "options": {"queue": work.queue, "expires": seconds}}
