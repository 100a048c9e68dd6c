"""Compact JSON form of snapshots. Memberships are stored as columns, a column of equal values as that one value."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.rules.editing.edits import ClusterState, MembershipState, Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_COLUMNS = tuple(field.name for field in fields(MembershipState))
# Columns that older events lack, with their defaults.
_LATER = {"decided_space_id": None, "decided_threshold": None}
_REALS = ("similarity", "runner_up_similarity", "margin", "threshold", "decided_threshold")


def snapshot_to_json(snapshot: Snapshot, media_ids: Sequence[uuid.UUID]) -> dict[str, Any]:
    """Encode a snapshot. Media ids are stored separately: memberships are in the order of `media_ids`."""
    states = [snapshot.memberships[media_id] for media_id in media_ids]
    present = [state for state in states if state is not None]
    return {
        "clusters": {
            str(cluster_id): None if state is None else _cluster_to_json(state)
            for cluster_id, state in snapshot.clusters.items()
        },
        "memberships": {
            column: _packed([_to_json(getattr(state, column)) for state in present]) for column in _COLUMNS
        },
        "absent": [index for index, state in enumerate(states) if state is None],
        "cannot_links": sorted(map(list, snapshot.cannot_links)),
    }


def snapshot_from_json(document: dict[str, Any], media_ids: Sequence[uuid.UUID]) -> Snapshot:
    """Decode a snapshot. The exact inverse of `snapshot_to_json`."""
    absent = set(document["absent"])
    present = [media_id for index, media_id in enumerate(media_ids) if index not in absent]
    packed = _LATER | document["memberships"]
    columns = [map(_reader(column), _unpacked(packed[column], len(present))) for column in _COLUMNS]
    states: dict[uuid.UUID, MembershipState | None] = dict.fromkeys(media_ids)
    states.update(zip(present, map(MembershipState, *columns), strict=True))
    return Snapshot(
        {
            int(cluster_id): None if state is None else _cluster_from_json(state)
            for cluster_id, state in document["clusters"].items()
        },
        states,
        frozenset((a, b, event_id) for a, b, event_id in document["cannot_links"]),
    )


def _cluster_to_json(state: ClusterState) -> dict[str, Any]:
    return {name: _to_json(value) for name, value in asdict(state).items()}


def _cluster_from_json(state: dict[str, Any]) -> ClusterState:
    representative = state["representative_media_id"]
    return ClusterState(
        **state
        | {
            "representative_media_id": None if representative is None else uuid.UUID(representative),
            "created_at": _moment(state["created_at"]),
        }
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    return str(value) if isinstance(value, uuid.UUID) else value


def _reader(column: str) -> Callable[[Any], Any]:
    if column == "created_at":
        return _moment
    return _real if column in _REALS else _same


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _same(value: Any) -> Any:
    return value


def _packed(values: list[Any]) -> Any:
    return values[0] if values and all(value == values[0] for value in values) else values


def _unpacked(packed: Any, count: int) -> Iterable[Any]:
    return packed if isinstance(packed, list) else [packed] * count
