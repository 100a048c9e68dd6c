"""The search service, as the pages use it."""

from backend.features.search.query_vectors import QueryEncoder
from backend.features.search.search import Searcher
from backend.features.services import Services


def make_searcher(services: Services) -> Searcher:
    """Models are loaded by the first query that needs them."""
    encoder = QueryEncoder(services.encoders_of, services.limits, services.decoders)
    return Searcher(services.database, encoder, services.settings.alpha, services.scans)
