"""Review queues: the memberships and groups that a curator should look at."""

from backend.rules.review.findings import (
    Floats,
    Rows,
    incoherence_bound,
    measure_cohesion,
    most_urgent,
    near_centroids,
    robust_z,
)
from backend.rules.review.queues import BOUNDS, QUEUES, Acceptance, Queue, ReviewKind, ReviewVerdict

__all__ = [
    "BOUNDS",
    "QUEUES",
    "Acceptance",
    "Floats",
    "Queue",
    "ReviewKind",
    "ReviewVerdict",
    "Rows",
    "incoherence_bound",
    "measure_cohesion",
    "most_urgent",
    "near_centroids",
    "robust_z",
]
