"""Encoders: pictures and words as unit vectors. No database, no HTTP; torch is imported when a model is first used."""

from backend.encoders.encoders import EncoderDescription, Encoders, configure_torch, load_encoders
from backend.encoders.presets import PRESETS, EncoderNames, Preset, find_preset, resolve_encoders
from backend.encoders.vectors import Vectors, normalise_rows, require_unit_vectors

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
