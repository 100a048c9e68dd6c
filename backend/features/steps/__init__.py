"""The steps from a picture's bytes to its group, one module per step. Every step can be repeated."""

from backend.features.steps.assign import Assigner
from backend.features.steps.deliver import SECRET_PREFIX, deliver_due, webhook_policy
from backend.features.steps.embed import embed_batch, embed_waiting
from backend.features.steps.fetch import fetch_next
from backend.features.steps.fill import fill_batch
from backend.features.steps.space import describe_space, open_active_space
from backend.features.steps.sweeper import sweep

__all__ = [
    "SECRET_PREFIX",
    "Assigner",
    "deliver_due",
    "describe_space",
    "embed_batch",
    "embed_waiting",
    "fetch_next",
    "fill_batch",
    "open_active_space",
    "sweep",
    "webhook_policy",
]
