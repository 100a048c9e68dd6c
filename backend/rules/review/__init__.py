"""What deserves a look from a curator."""

from backend.rules.review.findings import (
    Floats,
    Rows,
    incoherence_bound,
    measure_cohesion,
    most_urgent,
    near_centroids,
    robust_z,
)
from backend.rules.review.kinds import BOUNDS, MATERIAL_CHANGE, ReviewKind, ReviewVerdict

__all__ = [
    "BOUNDS",
    "MATERIAL_CHANGE",
    "Floats",
    "ReviewKind",
    "ReviewVerdict",
    "Rows",
    "incoherence_bound",
    "measure_cohesion",
    "most_urgent",
    "near_centroids",
    "robust_z",
]
