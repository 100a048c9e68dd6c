"""The second pass: a regrouping that does not depend on the order of uploads."""

from backend.rules.consolidation.reruns import rerun
from backend.rules.consolidation.second_pass import Library, Regrouped, consolidate

__all__ = ["Library", "Regrouped", "consolidate", "rerun"]
