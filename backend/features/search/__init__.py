"""Search and recommendation."""

from backend.features.search.alpha_insight import MOST_LISTED, AlphaHit, AlphaInsight, insight
from backend.features.search.background_samples import BackgroundKind, learn_backgrounds, open_backgrounds
from backend.features.search.batch import BatchAnswer, answer_all, list_queries
from backend.features.search.candidates import Effort
from backend.features.search.hits import Answer, Hit, Relevance
from backend.features.search.host_encoders import OpenEncoders, encoders_by
from backend.features.search.host_vectors import HostVectors
from backend.features.search.nomination import nominate
from backend.features.search.query import Find, HitOrder, SearchQuery, checked_filters, make_query
from backend.features.search.query_vectors import QueryEncoder
from backend.features.search.recommendation import Recommendation, recommend
from backend.features.search.scan_search import Scanned
from backend.features.search.search import Searcher
from backend.features.search.vector_source import BestQuery, OwnVectors, VectorSource

__all__ = [
    "MOST_LISTED",
    "AlphaHit",
    "AlphaInsight",
    "Answer",
    "BackgroundKind",
    "BatchAnswer",
    "BestQuery",
    "Effort",
    "Find",
    "Hit",
    "HitOrder",
    "HostVectors",
    "OpenEncoders",
    "OwnVectors",
    "QueryEncoder",
    "Recommendation",
    "Relevance",
    "Scanned",
    "SearchQuery",
    "Searcher",
    "VectorSource",
    "answer_all",
    "checked_filters",
    "encoders_by",
    "insight",
    "learn_backgrounds",
    "list_queries",
    "make_query",
    "nominate",
    "open_backgrounds",
    "recommend",
]
