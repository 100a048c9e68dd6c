"""Labels of groups, made from the words of their members, and what a picture is called."""

from backend.rules.naming.labels import TermStatistics, label_by_terms, label_of_single, nearest_words
from backend.rules.naming.terms import ClusterTerms, MemberText, read_terms
from backend.rules.naming.titles import MOST_CAPTION_READ, UNTITLED, shown_title

__all__ = [
    "MOST_CAPTION_READ",
    "UNTITLED",
    "ClusterTerms",
    "MemberText",
    "TermStatistics",
    "label_by_terms",
    "label_of_single",
    "nearest_words",
    "read_terms",
    "shown_title",
]
