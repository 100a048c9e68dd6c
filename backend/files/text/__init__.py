"""The text of a picture: its fields, their cleaning and their limits."""

from backend.files.text.boilerplate import is_boilerplate, is_boilerplate_keyword
from backend.files.text.coordinates import read_latitude, read_longitude, read_number, read_position
from backend.files.text.dates import guess_date, parse_date, parse_taken_at, read_date, read_epoch
from backend.files.text.file_names import (
    MOST_FILE_NAME_BYTES,
    ascii_name,
    clean_file_name,
    download_name,
    file_name_in,
    fit_file_name,
)
from backend.files.text.keywords import join_keywords, split_keywords
from backend.files.text.markup import unwrap_lines
from backend.files.text.records import MOMENT_NAMES, RECORD_NAMES, parse_json_object, text_of_record
from backend.files.text.text import (
    WORDS,
    MediaText,
    TextChanges,
    clean_lines,
    clean_media_text,
    clean_text,
    embedding_text,
    fit_media_text,
    is_only_coordinates,
    is_storable,
    make_storable,
)

__all__ = [
    "MOMENT_NAMES",
    "MOST_FILE_NAME_BYTES",
    "RECORD_NAMES",
    "WORDS",
    "MediaText",
    "TextChanges",
    "ascii_name",
    "clean_file_name",
    "clean_lines",
    "clean_media_text",
    "clean_text",
    "download_name",
    "embedding_text",
    "file_name_in",
    "fit_file_name",
    "fit_media_text",
    "guess_date",
    "is_boilerplate",
    "is_boilerplate_keyword",
    "is_only_coordinates",
    "is_storable",
    "join_keywords",
    "make_storable",
    "parse_date",
    "parse_json_object",
    "parse_taken_at",
    "read_date",
    "read_epoch",
    "read_latitude",
    "read_longitude",
    "read_number",
    "read_position",
    "split_keywords",
    "text_of_record",
    "unwrap_lines",
]
