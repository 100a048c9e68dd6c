"""Labels and representatives of groups."""

from backend.features.naming.labels import LabelReport, refresh_labels

__all__ = ["LabelReport", "refresh_labels"]
