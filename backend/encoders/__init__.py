"""Encoders that turn pictures and words into unit vectors. No database, no HTTP; torch is imported on first use."""

from backend.encoders.choice import explain, has_set_runtimes
from backend.encoders.encoders import EncoderDescription, Encoders, Lazy, configure_torch, load_encoders
from backend.encoders.pool import EncoderPool
from backend.encoders.presets import (
    PRESETS,
    EncoderNames,
    Preset,
    default_threshold,
    find_preset,
    is_configured,
    require_demo,
    resolve_encoders,
)
from backend.encoders.runtimes.base import CopiedRuntime, DerivedRuntime, ExportedRuntime, Network
from backend.encoders.runtimes.copies import Manifest, open_copy, put_copy, record_fidelity
from backend.encoders.runtimes.names import IMAGE, PLAIN, TEXT, Runtime, Side, recorded_runtimes, split_fingerprint
from backend.encoders.runtimes.registry import find_runtime, list_runtimes
from backend.encoders.vectors import Vectors, normalise_rows, require_unit_vectors
from backend.encoders.weights import image_fingerprint, text_fingerprint

__all__ = [
    "IMAGE",
    "PLAIN",
    "PRESETS",
    "TEXT",
    "CopiedRuntime",
    "DerivedRuntime",
    "EncoderDescription",
    "EncoderNames",
    "EncoderPool",
    "Encoders",
    "ExportedRuntime",
    "Lazy",
    "Manifest",
    "Network",
    "Preset",
    "Runtime",
    "Side",
    "Vectors",
    "configure_torch",
    "default_threshold",
    "explain",
    "find_preset",
    "find_runtime",
    "has_set_runtimes",
    "image_fingerprint",
    "is_configured",
    "list_runtimes",
    "load_encoders",
    "normalise_rows",
    "open_copy",
    "put_copy",
    "record_fidelity",
    "recorded_runtimes",
    "require_demo",
    "require_unit_vectors",
    "resolve_encoders",
    "split_fingerprint",
    "text_fingerprint",
]
