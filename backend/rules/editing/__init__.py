"""Edits of groups as values: how each is planned, recorded and undone."""

from backend.rules.editing.edits import (
    AUTO,
    CURATOR,
    TO_BE_GIVEN,
    CannotLink,
    ClusterChange,
    ClusterState,
    Edit,
    MembershipState,
    Outcome,
    Snapshot,
)
from backend.rules.editing.halves import find_halves
from backend.rules.editing.journal import snapshot_from_json, snapshot_to_json
from backend.rules.editing.plans import (
    existing_cluster,
    existing_memberships,
    plan_confirm,
    plan_dissolve,
    plan_extract,
    plan_lock,
    plan_merge,
    plan_move,
    plan_rename,
    plan_representative,
    plan_split,
)
from backend.rules.editing.sentences import media_count
from backend.rules.editing.undo import plan_restoration

__all__ = [
    "AUTO",
    "CURATOR",
    "TO_BE_GIVEN",
    "CannotLink",
    "ClusterChange",
    "ClusterState",
    "Edit",
    "MembershipState",
    "Outcome",
    "Snapshot",
    "existing_cluster",
    "existing_memberships",
    "find_halves",
    "media_count",
    "plan_confirm",
    "plan_dissolve",
    "plan_extract",
    "plan_lock",
    "plan_merge",
    "plan_move",
    "plan_rename",
    "plan_representative",
    "plan_restoration",
    "plan_split",
    "snapshot_from_json",
    "snapshot_to_json",
]
