"""The assignment rule: which group a picture joins, and why, in words."""

from backend.rules.grouping.assignment import Assignment, Centroids, Decision, assign
from backend.rules.grouping.centroid_cache import CentroidCache, bytes_for
from backend.rules.grouping.nearest import NearestSearch
from backend.rules.grouping.reasons import CLOSE_CALL, explain_decision, explain_membership
from backend.rules.grouping.sequence import group_in_order
from backend.rules.grouping.shortlist import Shortlist

__all__ = [
    "CLOSE_CALL",
    "Assignment",
    "CentroidCache",
    "Centroids",
    "Decision",
    "NearestSearch",
    "Shortlist",
    "assign",
    "bytes_for",
    "explain_decision",
    "explain_membership",
    "group_in_order",
]
