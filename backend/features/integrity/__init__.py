"""Audit a library, and repair what does not fit together."""

from backend.features.integrity.invariants import AuditReport, audit, describe_breaches
from backend.features.integrity.repairs import RepairReport, repair

__all__ = ["AuditReport", "RepairReport", "audit", "describe_breaches", "repair"]
