"""Picture formats: identification, acceptance and checks for completeness."""

from backend.files.formats.exif_blocks import bound_exif, find_exif_block
from backend.files.formats.formats import (
    AVIF,
    FORMATS,
    GIF,
    HEIF,
    JPEG,
    JPEG_XL,
    PICTURE_SUFFIXES,
    PNG,
    TIFF,
    WEBP,
    PictureFormat,
    identify_format,
    list_accepted,
    mime_of,
    suffixes_like,
)
from backend.files.formats.jpeg import shorten_jpeg
from backend.files.formats.jpeg_xl import find_box, packed_kinds
from backend.files.formats.mending import Mended, PictureWarning
from backend.files.formats.opening import (
    check_size,
    mend_picture,
    open_header,
    open_picture,
    read_orientation,
    shrink_while_loading,
    turn_upright,
    upright_size,
)
from backend.files.formats.structure import gif_extensions, png_chunks, unpack_raw_profile
from backend.files.formats.tiff import read_tiff_value

__all__ = [
    "AVIF",
    "FORMATS",
    "GIF",
    "HEIF",
    "JPEG",
    "JPEG_XL",
    "PICTURE_SUFFIXES",
    "PNG",
    "TIFF",
    "WEBP",
    "Mended",
    "PictureFormat",
    "PictureWarning",
    "bound_exif",
    "check_size",
    "find_box",
    "find_exif_block",
    "gif_extensions",
    "identify_format",
    "list_accepted",
    "mend_picture",
    "mime_of",
    "open_header",
    "open_picture",
    "packed_kinds",
    "png_chunks",
    "read_orientation",
    "read_tiff_value",
    "shorten_jpeg",
    "shrink_while_loading",
    "suffixes_like",
    "turn_upright",
    "unpack_raw_profile",
    "upright_size",
]
