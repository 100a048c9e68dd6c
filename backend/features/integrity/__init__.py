"""Audit and repair of a library."""

from backend.features.integrity.invariants import AuditReport, audit, describe_breaches
from backend.features.integrity.repairs import RepairReport, repair

__all__ = ["AuditReport", "RepairReport", "audit", "describe_breaches", "repair"]
