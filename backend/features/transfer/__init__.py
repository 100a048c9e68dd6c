"""Import and export of embeddings, and export of sidecars."""

from backend.features.transfer.exports import export
from backend.features.transfer.imports import EmbeddingsReport, import_embeddings
from backend.features.transfer.sidecars import SidecarNames, SidecarsReport, export_sidecars

__all__ = [
    "EmbeddingsReport",
    "SidecarNames",
    "SidecarsReport",
    "export",
    "export_sidecars",
    "import_embeddings",
]
