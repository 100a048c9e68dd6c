"""Queries for metrics."""

from backend.store.telemetry.histograms import Histogram, Measure, add_values
from backend.store.telemetry.library_figures import LibraryFigures, fetch_library_figures

__all__ = ["Histogram", "LibraryFigures", "Measure", "add_values", "fetch_library_figures"]
