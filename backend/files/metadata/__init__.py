"""Metadata inside picture files: XMP, IPTC, EXIF and places."""

from backend.files.metadata.exif import JSON
from backend.files.metadata.metadata import EmbeddedMetadata, read_metadata
from backend.files.metadata.places import PLACE_NAMES, says_place

__all__ = ["JSON", "PLACE_NAMES", "EmbeddedMetadata", "read_metadata", "says_place"]
