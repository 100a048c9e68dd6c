"""Regrouping of the library: second pass and threshold."""

from backend.features.consolidation.consolidate import consolidate_library
from backend.features.consolidation.threshold import (
    SIZE_STEPS,
    ThresholdReport,
    apply_threshold,
    compare_thresholds,
    require_threshold,
)

__all__ = [
    "SIZE_STEPS",
    "ThresholdReport",
    "apply_threshold",
    "compare_thresholds",
    "consolidate_library",
    "require_threshold",
]
