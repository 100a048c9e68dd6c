"""Picture formats: identification, acceptance and checks for completeness."""

from backend.files.formats.formats import (
    AVIF,
    FORMATS,
    GIF,
    HEIF,
    JPEG,
    PNG,
    WEBP,
    PictureFormat,
    PictureWarning,
    identify_format,
    list_accepted,
    mime_of,
)
from backend.files.formats.jpeg import shorten_jpeg
from backend.files.formats.opening import (
    check_size,
    open_header,
    open_picture,
    read_orientation,
    turn_upright,
    upright_size,
)
from backend.files.formats.structure import gif_extensions, png_chunks

__all__ = [
    "AVIF",
    "FORMATS",
    "GIF",
    "HEIF",
    "JPEG",
    "PNG",
    "WEBP",
    "PictureFormat",
    "PictureWarning",
    "check_size",
    "gif_extensions",
    "identify_format",
    "list_accepted",
    "mime_of",
    "open_header",
    "open_picture",
    "png_chunks",
    "read_orientation",
    "shorten_jpeg",
    "turn_upright",
    "upright_size",
]
