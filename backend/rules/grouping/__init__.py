"""The assignment rule: which group a picture joins."""

from backend.rules.grouping.assignment import Assignment, Centroids, Decision, assign
from backend.rules.grouping.centroid_cache import CentroidCache, bytes_for
from backend.rules.grouping.nearest import NearestSearch
from backend.rules.grouping.sequence import group_in_order
from backend.rules.grouping.shortlist import Shortlist

__all__ = [
    "Assignment",
    "CentroidCache",
    "Centroids",
    "Decision",
    "NearestSearch",
    "Shortlist",
    "assign",
    "bytes_for",
    "group_in_order",
]
