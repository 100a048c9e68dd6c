"""Decoding in separate processes: pixels, thumbnails, hashes."""

from backend.files.decoding.decoders import DecodedPicture, Decoders
from backend.files.decoding.fair_slots import decoding_for
from backend.files.decoding.inspection import inspect_picture
from backend.files.decoding.ocr import read_words
from backend.files.decoding.perceptual_hash import NO_DETAIL
from backend.files.decoding.thumbnails import THUMBNAIL_FORMATS, THUMBNAIL_SIDES

__all__ = [
    "NO_DETAIL",
    "THUMBNAIL_FORMATS",
    "THUMBNAIL_SIDES",
    "DecodedPicture",
    "Decoders",
    "decoding_for",
    "inspect_picture",
    "read_words",
]
