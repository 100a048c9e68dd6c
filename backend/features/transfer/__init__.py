"""Import and export of embeddings."""

from backend.features.transfer.exports import export
from backend.features.transfer.imports import EmbeddingsReport, import_embeddings

__all__ = ["EmbeddingsReport", "export", "import_embeddings"]
