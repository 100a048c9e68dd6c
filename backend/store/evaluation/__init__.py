"""Queries of evaluations and of the quality page."""

from backend.store.evaluation.evaluation import Sides, list_labels, list_sources, list_titles, load_sides
from backend.store.evaluation.quality import (
    MapPoints,
    SizeClass,
    Standing,
    count_sizes,
    find_map_points,
    find_mapped_media,
    find_standing,
    list_mapped,
    measuring,
    pack_points,
    record_failure,
    record_report,
    sample_background_pairs,
    sample_cohesion,
    sample_same_pairs,
)
from backend.store.evaluation.recall_audits import (
    estimate_media,
    find_last_recall_audit,
    record_recall_audit,
    sample_vectors,
)

__all__ = [
    "MapPoints",
    "Sides",
    "SizeClass",
    "Standing",
    "count_sizes",
    "estimate_media",
    "find_last_recall_audit",
    "find_map_points",
    "find_mapped_media",
    "find_standing",
    "list_labels",
    "list_mapped",
    "list_sources",
    "list_titles",
    "load_sides",
    "measuring",
    "pack_points",
    "record_failure",
    "record_recall_audit",
    "record_report",
    "sample_background_pairs",
    "sample_cohesion",
    "sample_same_pairs",
    "sample_vectors",
]
