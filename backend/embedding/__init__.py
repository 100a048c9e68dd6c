"""Encoders: pictures and words as unit vectors. No database, no HTTP; torch is imported when a model is first used."""

from backend.embedding.encoders import EncoderDescription, Encoders, configure_torch, load_encoders
from backend.embedding.presets import PRESETS, EncoderNames, Preset, find_preset, resolve_encoders
from backend.embedding.vectors import Vectors, normalise_rows, require_unit_vectors

__all__ = [
    "PRESETS",
    "EncoderDescription",
    "EncoderNames",
    "Encoders",
    "Preset",
    "Vectors",
    "configure_torch",
    "find_preset",
    "load_encoders",
    "normalise_rows",
    "require_unit_vectors",
    "resolve_encoders",
]
