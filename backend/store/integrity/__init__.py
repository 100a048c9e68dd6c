"""Queries of audits, repair and backups."""

from backend.store.integrity.audit import (
    RecordedDecision,
    count_deciding_events,
    is_dropped,
    list_decisions,
    list_eras,
    list_sums,
)
from backend.store.integrity.backup import (
    RestoreTarget,
    Snapshot,
    drop_schema,
    get_postgres_major,
    list_contents,
    list_originals,
    lock_schema,
    open_snapshot,
    read_target,
)
from backend.store.integrity.invariants import INVARIANTS, list_breaches
from backend.store.integrity.repair import (
    HeldFile,
    delete_memberless_centroids,
    is_given_up,
    list_empty_clusters,
    list_held_files,
    list_off_clusters,
)

__all__ = [
    "INVARIANTS",
    "HeldFile",
    "RecordedDecision",
    "RestoreTarget",
    "Snapshot",
    "count_deciding_events",
    "delete_memberless_centroids",
    "drop_schema",
    "get_postgres_major",
    "is_dropped",
    "is_given_up",
    "list_breaches",
    "list_contents",
    "list_decisions",
    "list_empty_clusters",
    "list_eras",
    "list_held_files",
    "list_off_clusters",
    "list_originals",
    "list_sums",
    "lock_schema",
    "open_snapshot",
    "read_target",
]
