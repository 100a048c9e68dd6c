"""Rebuild what an earlier version made from the stored originals."""

from backend.features.refresh.pixels import PixelsReport, refresh_pixels

__all__ = ["PixelsReport", "refresh_pixels"]
