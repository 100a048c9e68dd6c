"""The search service of the pages."""

from backend.features.search import QueryEncoder, Searcher
from backend.features.services import Services


def make_searcher(services: Services) -> Searcher:
    """Create the service. Models are loaded by the first query that needs them."""
    encoder = QueryEncoder(services.query_encoders, services.limits, services.decoders)
    return Searcher(services.database, encoder, services.settings.alpha, services.vectors)
