"""The text of a picture: its fields, their cleaning and their limits."""

from backend.files.text.records import RECORD_NAMES, parse_json_object, text_of_record
from backend.files.text.text import (
    WORDS,
    MediaText,
    TextChanges,
    clean_media_text,
    clean_text,
    embedding_text,
    fit_media_text,
    is_only_coordinates,
    is_storable,
    make_storable,
    parse_taken_at,
)

__all__ = [
    "RECORD_NAMES",
    "WORDS",
    "MediaText",
    "TextChanges",
    "clean_media_text",
    "clean_text",
    "embedding_text",
    "fit_media_text",
    "is_only_coordinates",
    "is_storable",
    "make_storable",
    "parse_json_object",
    "parse_taken_at",
    "text_of_record",
]
