"""Metadata inside picture files: XMP, IPTC, EXIF and places."""

from backend.files.metadata.code_pages import guess_code_page, say_code_page
from backend.files.metadata.fields import DATES
from backend.files.metadata.json_values import JSON
from backend.files.metadata.keywords import Keyword, without_people, written_keywords
from backend.files.metadata.locations import hide_coordinates, place_of, with_place
from backend.files.metadata.metadata import EmbeddedMetadata, read_metadata, read_xmp
from backend.files.metadata.places import PLACE_NAMES, says_place
from backend.files.metadata.xmp import FACES, LOCATION_PARTS, assigned_categories
from backend.files.metadata.xmp_packets import find_writer, says_anything, write_xmp

__all__ = [
    "DATES",
    "FACES",
    "JSON",
    "LOCATION_PARTS",
    "PLACE_NAMES",
    "EmbeddedMetadata",
    "Keyword",
    "assigned_categories",
    "find_writer",
    "guess_code_page",
    "hide_coordinates",
    "place_of",
    "read_metadata",
    "read_xmp",
    "say_code_page",
    "says_anything",
    "says_place",
    "with_place",
    "without_people",
    "write_xmp",
    "written_keywords",
]
