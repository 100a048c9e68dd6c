"""Evaluation of a library against labels: quality of search and groups, and settings that would do better.

The library is read in one read-only snapshot, and everything is computed from it.
"""

from backend.features.evaluation.efforts import learn_efforts
from backend.features.evaluation.evaluation import (
    OnProgress,
    Source,
    evaluate,
    evaluate_by_any,
    evaluate_pair,
    evaluate_pair_by_any,
)
from backend.features.evaluation.gate import Gate, compare, read_saved
from backend.features.evaluation.judged import JUDGEMENTS
from backend.features.evaluation.measurement import MAP_POINTS, REPORTS, Job, measure
from backend.features.evaluation.options import Options
from backend.features.evaluation.plots import draw_alphas, draw_thresholds
from backend.features.evaluation.recall import audit_recall, audit_recall_within
from backend.features.evaluation.report import write_report
from backend.features.evaluation.result import Evaluation

__all__ = [
    "JUDGEMENTS",
    "MAP_POINTS",
    "REPORTS",
    "Evaluation",
    "Gate",
    "Job",
    "OnProgress",
    "Options",
    "Source",
    "audit_recall",
    "audit_recall_within",
    "compare",
    "draw_alphas",
    "draw_thresholds",
    "evaluate",
    "evaluate_by_any",
    "evaluate_pair",
    "evaluate_pair_by_any",
    "learn_efforts",
    "measure",
    "read_saved",
    "write_report",
]
