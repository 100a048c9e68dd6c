"""Labels of groups, made from the words of their members."""

from backend.rules.naming.labels import TermStatistics, label_by_terms, label_of_single, nearest_words
from backend.rules.naming.terms import ClusterTerms, MemberText, read_terms

__all__ = [
    "ClusterTerms",
    "MemberText",
    "TermStatistics",
    "label_by_terms",
    "label_of_single",
    "nearest_words",
    "read_terms",
]
