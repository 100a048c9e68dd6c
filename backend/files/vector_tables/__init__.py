"""Readers and writers of embedding files: .npz, .parquet, .json and .jsonl."""

from backend.files.vector_tables.files import SPACE_KEY, check_suffix, parquet_modules, read_space, read_vector_file
from backend.files.vector_tables.npz_writer import NpzWriter
from backend.files.vector_tables.rows import SIDES, Dimensions, VectorRows

__all__ = [
    "SIDES",
    "SPACE_KEY",
    "Dimensions",
    "NpzWriter",
    "VectorRows",
    "check_suffix",
    "parquet_modules",
    "read_space",
    "read_vector_file",
]
