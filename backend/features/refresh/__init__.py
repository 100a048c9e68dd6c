"""Rebuilding of what an earlier version made from the stored originals, and of words that files have changed since."""

from backend.features.refresh.pixels import PixelsReport, refresh_pixels
from backend.features.refresh.words import (
    FieldChange,
    PictureChanges,
    WordsReport,
    refresh_files,
    refresh_originals,
)

__all__ = [
    "FieldChange",
    "PictureChanges",
    "PixelsReport",
    "WordsReport",
    "refresh_files",
    "refresh_originals",
    "refresh_pixels",
]
