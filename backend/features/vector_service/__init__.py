"""The vector service of a host: it keeps the vectors of a library and the encoders of queries once, for all processes that ask it."""

from backend.features.vector_service.server import VectorServer

__all__ = ["VectorServer"]
