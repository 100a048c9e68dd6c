"""Diagnosis, pause and retry."""

from backend.features.operations.diagnosis import (
    Finding,
    check_broker,
    check_database,
    check_open_files,
    check_storage,
    check_vector_service,
    diagnose,
)
from backend.features.operations.pause import pause_processing, resume_processing
from backend.features.operations.retry import retry_all, retry_code, retry_media

__all__ = [
    "Finding",
    "check_broker",
    "check_database",
    "check_open_files",
    "check_storage",
    "check_vector_service",
    "diagnose",
    "pause_processing",
    "resume_processing",
    "retry_all",
    "retry_code",
    "retry_media",
]
