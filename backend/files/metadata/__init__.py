"""Metadata inside picture files: XMP, IPTC, EXIF and places."""

from backend.files.metadata.fields import DATES, GROUP_ROOT
from backend.files.metadata.json_values import JSON
from backend.files.metadata.locations import hide_coordinates, place_of, with_place
from backend.files.metadata.metadata import EmbeddedMetadata, read_metadata, read_xmp
from backend.files.metadata.places import PLACE_NAMES, says_place
from backend.files.metadata.xmp_packets import find_writer, says_anything, write_xmp

__all__ = [
    "DATES",
    "GROUP_ROOT",
    "JSON",
    "PLACE_NAMES",
    "EmbeddedMetadata",
    "find_writer",
    "hide_coordinates",
    "place_of",
    "read_metadata",
    "read_xmp",
    "says_anything",
    "says_place",
    "with_place",
    "write_xmp",
]
