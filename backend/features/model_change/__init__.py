"""Change of the model: create, fill, compare, activate, roll back and drop spaces."""

from backend.features.model_change.activation import Activation, activate, rollback
from backend.features.model_change.comparison import compare
from backend.features.model_change.fills import fill, list_failed, pause_fill
from backend.features.model_change.holders import EncoderWatch
from backend.features.model_change.jobs import Kind, ask, perform
from backend.features.model_change.retrieval import Finding
from backend.features.model_change.spaces import SpaceStanding, choose_names, drop, list_standing, make_space

__all__ = [
    "Activation",
    "EncoderWatch",
    "Finding",
    "Kind",
    "SpaceStanding",
    "activate",
    "ask",
    "choose_names",
    "compare",
    "drop",
    "fill",
    "list_failed",
    "list_standing",
    "make_space",
    "pause_fill",
    "perform",
    "rollback",
]
