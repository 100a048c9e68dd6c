"""Measures of grouping and retrieval, with their uncertainty."""

from backend.rules.measures.bootstrap import Best, Bootstrap, Interval, resample
from backend.rules.measures.failures import Fault, find_faults
from backend.rules.measures.metrics import adjusted_rand_index
from backend.rules.measures.partitions import Agreement, Contingency, silhouettes
from backend.rules.measures.projection import fill_frame, has_umap, place, project
from backend.rules.measures.ranking import Candidates
from backend.rules.measures.recalibration import neighbour_agreement, own_without_itself, separating_threshold
from backend.rules.measures.retrieval import ndcg_at, precision_at, recall_at, reciprocal_rank
from backend.rules.measures.separation import BINS, LOW, Histogram, Separation, sensitivity, separate
from backend.rules.measures.suggestion import suggest

__all__ = [
    "BINS",
    "LOW",
    "Agreement",
    "Best",
    "Bootstrap",
    "Candidates",
    "Contingency",
    "Fault",
    "Histogram",
    "Interval",
    "Separation",
    "adjusted_rand_index",
    "fill_frame",
    "find_faults",
    "has_umap",
    "ndcg_at",
    "neighbour_agreement",
    "own_without_itself",
    "place",
    "precision_at",
    "project",
    "recall_at",
    "reciprocal_rank",
    "resample",
    "sensitivity",
    "separate",
    "separating_threshold",
    "silhouettes",
    "suggest",
]
