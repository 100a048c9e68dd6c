"""Picture formats: which are accepted, and whether a file is whole."""

from backend.files.formats.formats import JPEG, PNG, PNG_SIGNATURE, WEBP, PictureFormat, identify_format, mime_of
from backend.files.formats.jpeg import shorten_jpeg
from backend.files.formats.opening import (
    check_size,
    open_header,
    open_picture,
    read_orientation,
    turn_upright,
    upright_size,
)
from backend.files.formats.structure import check_structure, gif_extensions, png_chunks

__all__ = [
    "JPEG",
    "PNG",
    "PNG_SIGNATURE",
    "WEBP",
    "PictureFormat",
    "check_size",
    "check_structure",
    "gif_extensions",
    "identify_format",
    "mime_of",
    "open_header",
    "open_picture",
    "png_chunks",
    "read_orientation",
    "shorten_jpeg",
    "turn_upright",
    "upright_size",
]
