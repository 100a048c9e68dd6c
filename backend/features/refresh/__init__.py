"""Take up in stored pictures what an earlier version, or an earlier state of their files, gave otherwise."""

from backend.features.refresh.pixels import PixelsReport, refresh_pixels

__all__ = ["PixelsReport", "refresh_pixels"]
