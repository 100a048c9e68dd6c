"""Plans of undo and redo: the edit that restores what an earlier one changed, and the obstacles to it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from backend.errors import UndoBlocked
from backend.rules.editing.edits import CURATOR, ClusterState, Edit, MembershipState, Snapshot
from backend.rules.editing.sentences import media_count

_OBSTACLES_SHOWN = 20
_T = TypeVar("_T")


def plan_restoration(
    kind: str, wanted: Snapshot, left: Snapshot, current: Snapshot, others: Mapping[int, int], summary: str
) -> Edit:
    """Plan the edit that restores `wanted`, the rows before an edit, from `left`, the rows after it.

    Later changes are kept where possible: automatic members, moves of other pictures, and labels and representatives
    that the edit itself did not set.

    Args:
        kind: kind of the new edit.
        wanted: the rows to restore.
        left: the same rows as the edit left them.
        current: the same rows as they are now, and the clusters that the wanted memberships belong to.
        others: for each cluster, how many members it has that the edit did not touch.
        summary: summary of the new edit.

    Raises:
        UndoBlocked: later changes conflict; `obstacles` in its context lists them.
    """
    obstacles: list[str] = []
    clusters: dict[int, ClusterState | None] = {}
    for cluster_id in wanted.clusters:
        clusters[cluster_id] = _restore_cluster(cluster_id, wanted, left, current, others, obstacles)
    for media_id, state in left.memberships.items():
        present = current.memberships.get(media_id)
        if present is not state and (state is None or not state.is_same_decision(present)):
            obstacles.append(_membership_obstacle(media_id, present))
    obstacles.extend(_missing_clusters(wanted, current))
    if obstacles:
        raise _blocked(kind, obstacles)
    return Edit(
        kind,
        replace(current, cannot_links=left.cannot_links),
        Snapshot(clusters, wanted.memberships, wanted.cannot_links),
        summary,
    )


@dataclass(frozen=True)
class _Choice(Generic[_T]):
    """A value, and whether a curator chose it."""

    value: _T
    origin: str

    @property
    def curated(self) -> bool:
        return self.origin == CURATOR


def _restore_cluster(
    cluster_id: int,
    wanted: Snapshot,
    left: Snapshot,
    current: Snapshot,
    others: Mapping[int, int],
    obstacles: list[str],
) -> ClusterState | None:
    want, leave, present = wanted.clusters[cluster_id], left.clusters[cluster_id], current.clusters.get(cluster_id)
    if leave is None:
        return want
    if present is None:
        obstacles.append(f"Group {cluster_id} no longer exists.")
        return None
    if want is None:
        if others.get(cluster_id):
            obstacles.append(
                f"Group {cluster_id} would be removed, but {media_count(others[cluster_id])} joined it since."
            )
        obstacles.extend(_decided_since(cluster_id, leave, present))
        return None
    label = _restore_choice(_label(want), _label(leave), _label(present))
    if label is None:
        obstacles.append(f"Group {cluster_id} has since been renamed to '{present.label}'.")
        label = _label(present)
    chosen = _restore_choice(_representative(want), _representative(leave), _representative(present))
    if chosen is None:
        obstacles.append(f"A different representative has since been chosen for group {cluster_id}.")
        chosen = _representative(present)
    elif wanted.memberships and not chosen.curated and _representative(present) != _representative(leave):
        # The representative was chosen automatically and has changed since; applying the edit chooses a new one.
        chosen = replace(chosen, value=None)
    return ClusterState(
        label.value,
        label.origin,
        chosen.value,
        chosen.origin,
        want.locked if present.locked == leave.locked else present.locked,
        present.created_at,
    )


def _restore_choice(want: _Choice[_T], leave: _Choice[_T], present: _Choice[_T]) -> _Choice[_T] | None:
    """The value to restore, or None if a curator has since replaced the edit's own choice."""
    if leave == want:
        return present
    if present == leave:
        return want
    if present.curated:
        return None if leave.curated else present
    return want if want.curated else present


def _decided_since(cluster_id: int, leave: ClusterState, present: ClusterState) -> list[str]:
    """A curator's later decisions on a cluster that the restoration would remove."""
    found = []
    if present.label_origin == CURATOR and _label(present) != _label(leave):
        found.append(f"Group {cluster_id} would be removed, but has since been renamed to '{present.label}'.")
    if present.representative_origin == CURATOR and _representative(present) != _representative(leave):
        found.append(f"Group {cluster_id} would be removed, but a representative has since been chosen for it.")
    if present.locked and not leave.locked:
        found.append(f"Group {cluster_id} would be removed, but has since been locked.")
    return found


def _membership_obstacle(media_id: uuid.UUID, present: MembershipState | None) -> str:
    if present is None:
        return f"Picture {media_id} has since been deleted."
    by = "" if present.event_id is None else f" by event {present.event_id}"
    return f"Picture {media_id} has since been moved to group {present.cluster_id}{by}."


def _missing_clusters(wanted: Snapshot, current: Snapshot) -> list[str]:
    """Clusters that restored memberships need, but that neither exist nor are restored."""
    needed = {state.cluster_id for state in wanted.memberships.values() if state is not None}
    return [
        f"Group {cluster_id} no longer exists."
        for cluster_id in sorted(needed - set(wanted.clusters))
        if current.clusters.get(cluster_id) is None
    ]


def _blocked(kind: str, obstacles: list[str]) -> UndoBlocked:
    shown = obstacles[:_OBSTACLES_SHOWN]
    more = len(obstacles) - len(shown)
    return UndoBlocked(
        f"Later changes block this {kind}: {obstacles[0]}"
        + (f" Number of further obstacles: {len(obstacles) - 1:,}." if len(obstacles) > 1 else ""),
        hint="Undo the later changes first, starting with the newest, or correct the groups by hand.",
        obstacles=[*shown, f"{more:,} more."] if more else shown,
    )


def _label(state: ClusterState) -> _Choice[str]:
    return _Choice(state.label, state.label_origin)


def _representative(state: ClusterState) -> _Choice[uuid.UUID | None]:
    return _Choice(state.representative_media_id, state.representative_origin)
