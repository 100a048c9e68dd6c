"""Application of edits. All changes of groups go through here."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, replace

from backend.errors import Conflict
from backend.rules.editing import (
    TO_BE_GIVEN,
    CannotLink,
    ClusterChange,
    ClusterState,
    Edit,
    MembershipState,
    Outcome,
    Snapshot,
)
from backend.store.arrays import next_values
from backend.store.engine import Session
from backend.store.events import Event, EventKind, record_events
from backend.store.groups import (
    EventContent,
    bump_centroid_version,
    choose_representatives,
    count_members,
    delete_clusters,
    delete_memberships,
    insert_clusters,
    insert_event,
    lock_assigner,
    lock_clusters,
    measure_similarities,
    read_snapshot,
    record_event_content,
    resum_centroids,
    update_clusters,
    write_cannot_links,
    write_memberships,
)
from backend.store.schema import Space

__all__ = ["apply_edit", "read_snapshot", "write_edit"]


def apply_edit(session: Session, space: Space, edit: Edit, *, actor: str) -> Outcome:
    """Apply an edit. Waits for the assigner's lock.

    Writes memberships, recomputes the centroids of affected groups, removes emptied groups, chooses automatic representatives, adds
    a row to the journal, and a `media.moved` for each picture that moved. The caller commits.

    Raises:
        Conflict: a row differs from `edit.before`. Nothing is changed.
    """
    lock_assigner(session)
    current = read_snapshot(session, edit.before.clusters, edit.before.memberships)
    if current.clusters != edit.before.clusters or current.memberships != edit.before.memberships:
        raise Conflict("These groups were changed by someone else in the meantime.", hint="Reload, then try again.")
    return write_edit(session, space, edit, actor=actor)


def write_edit(
    session: Session, space: Space, edit: Edit, *, actor: str, target_event_id: int | None = None, since: int = 0
) -> Outcome:
    """Like `apply_edit`, for a caller that has read `edit.before` under the lock.

    A group that receives members inherits the cannot-links of their former group from events later than `since`. When an edit is
    undone, earlier ones are part of the restored rows.
    """
    scope = _Scope.of(edit)
    lock_clusters(session, scope.touched)
    old = read_snapshot(session, scope.touched | _linked(edit), ())
    sizes_before = count_members(session, scope.touched)
    event_id = insert_event(session, edit.kind, actor, edit.summary, target_event_id)
    _write_clusters(session, old, edit)
    _write_memberships(session, edit, event_id)
    sizes_after = count_members(session, scope.touched)
    resum_centroids(session, space.id, scope.regrouped)
    measure_similarities(session, space.id, _to_measure(edit))
    removed = _remove_emptied(session, old, edit, scope.touched, sizes_after, event_id, since)
    choose_representatives(
        session,
        space.id,
        touched=scope.touched - removed,
        to_choose=scope.regrouped - removed - _explicit(edit),
        created=scope.created,
    )
    if scope.regrouped or _locks(edit):
        bump_centroid_version(session, space.id)
    new = read_snapshot(session, scope.touched | _linked(edit), edit.after.memberships)
    content = _content(edit, old, new)
    record_event_content(session, event_id, content, sorted(scope.touched))
    moved = _moved(edit)
    record_events(session, [Event(EventKind.MOVED, media_id, to) for media_id, _, to in moved if to is not None])
    return Outcome(
        event_id=event_id,
        kind=edit.kind,
        summary=edit.summary,
        moved=moved,
        created_cluster_ids=tuple(sorted(scope.created)),
        removed_cluster_ids=tuple(sorted(removed)),
        clusters=_changes(old, new, scope.touched, sizes_before, sizes_after),
        warnings=(*edit.warnings, *_removal_warnings(old, edit, removed)),
    )


@dataclass(frozen=True)
class _Scope:
    """Groups that an edit affects.

    Attributes:
        touched: all affected groups.
        regrouped: those whose members, or their order, change.
        created: new groups.
    """

    touched: frozenset[int]
    regrouped: frozenset[int]
    created: frozenset[int]

    @classmethod
    def of(cls, edit: Edit) -> "_Scope":
        held: set[int] = set()
        regrouped: set[int] = set()
        for media_id, after in edit.after.memberships.items():
            before = edit.before.memberships[media_id]
            places = {(state.cluster_id, state.assign_seq) for state in (before, after) if state is not None}
            clusters = {cluster_id for cluster_id, _ in places}
            held |= clusters
            if len(places) > 1 or before is None or after is None:
                regrouped |= clusters
        created = {
            cluster_id
            for cluster_id, state in edit.after.clusters.items()
            if state is not None and edit.before.clusters.get(cluster_id) is None
        }
        touched = held | set(edit.after.clusters)
        return cls(frozenset(touched), frozenset(regrouped), frozenset(created))


def _write_clusters(session: Session, old: Snapshot, edit: Edit) -> None:
    new: dict[int, ClusterState] = {}
    changed: dict[int, ClusterState] = {}
    for cluster_id, wanted in edit.after.clusters.items():
        present = old.clusters[cluster_id]
        if wanted is not None and present is None:
            new[cluster_id] = wanted
        elif wanted is not None and present is not None:
            changed[cluster_id] = _with_changes(present, edit.before.clusters.get(cluster_id), wanted)
    insert_clusters(session, new)
    update_clusters(session, changed)


def _with_changes(present: ClusterState, read: ClusterState | None, wanted: ClusterState) -> ClusterState:
    """The current row with the edit's changes, since an automatic label may have been written after planning."""
    return ClusterState(
        *(
            now if read is not None and will == was else will
            for now, was, will in zip(astuple(present), astuple(read or present), astuple(wanted), strict=True)
        )
    )


def _write_memberships(session: Session, edit: Edit, event_id: int) -> None:
    gone = [media_id for media_id, state in edit.after.memberships.items() if state is None]
    delete_memberships(session, gone)
    states = {
        media_id: state
        for media_id, state in edit.after.memberships.items()
        if state is not None and state != edit.before.memberships[media_id]
    }
    waiting = sum(state.assign_seq == TO_BE_GIVEN for state in states.values())
    sequence = iter(next_values(session, "membership_assign_seq", waiting))
    write_memberships(
        session,
        {
            media_id: replace(
                state,
                assign_seq=next(sequence) if state.assign_seq == TO_BE_GIVEN else state.assign_seq,
                event_id=event_id if state.event_id == TO_BE_GIVEN else state.event_id,
            )
            for media_id, state in states.items()
        },
    )


def _to_measure(edit: Edit) -> list[uuid.UUID]:
    return [
        media_id for media_id, state in edit.after.memberships.items() if state is not None and state.similarity is None
    ]


def _remove_emptied(
    session: Session,
    old: Snapshot,
    edit: Edit,
    touched: Collection[int],
    sizes: Mapping[int, int],
    event_id: int,
    since: int,
) -> frozenset[int]:
    """Remove affected groups without members, and update the cannot-links."""
    kept = [cluster_id for cluster_id, state in edit.after.clusters.items() if state is None and sizes.get(cluster_id)]
    if kept:
        raise Conflict(f"Group {kept[0]} cannot be removed while it has members.", hint="Reload, then try again.")
    emptied = frozenset(cluster_id for cluster_id in touched if not sizes.get(cluster_id))
    missing = {cluster_id for cluster_id, state in old.clusters.items() if state is None} - set(sizes)
    links = _links_after(old.cannot_links, edit, emptied | missing, event_id, since)
    write_cannot_links(session, old.cannot_links - links, links - old.cannot_links)
    delete_clusters(session, emptied)
    return emptied


def _links_after(
    links: frozenset[CannotLink], edit: Edit, gone: Collection[int], event_id: int, since: int
) -> frozenset[CannotLink]:
    """The cannot-links after the edit: with its own changes, and those inherited by groups that receive members.

    A group that is merged into another one passes its links on.
    """
    removed = edit.before.cannot_links - edit.after.cannot_links
    added = {
        (a, b, event_id if event == TO_BE_GIVEN else event)
        for a, b, event in edit.after.cannot_links - edit.before.cannot_links
    }
    kept = links - removed
    inherited = {
        (one, other, event_id)
        for pair in _inherited_pairs({(a, b) for a, b, event in kept if event > since}, edit)
        for one, other in [sorted(pair)]
    }
    found = set()
    for a, b, event in kept | added | inherited:
        one, other = edit.survivors.get(a, a), edit.survivors.get(b, b)
        if one != other and one not in gone and other not in gone:
            found.add((min(one, other), max(one, other), event))
    return frozenset(found)


def _inherited_pairs(pairs: Collection[tuple[int, int]], edit: Edit) -> set[tuple[int, int]]:
    """Inherited pairs: if a group gives members to a third one, its cannot-links apply to that one too."""
    heirs: dict[int, set[int]] = {}
    for _, origin, aim in _moved(edit):
        if origin is not None and aim is not None and edit.survivors.get(origin) != aim:
            heirs.setdefault(origin, {origin}).add(aim)
    return {
        (one, other)
        for a, b in pairs
        if a in heirs or b in heirs
        for one in heirs.get(a, {a})
        for other in heirs.get(b, {b})
        if (one, other) != (a, b)
    }


def _linked(edit: Edit) -> frozenset[int]:
    """Groups whose cannot-links the edit changes."""
    changed = edit.before.cannot_links ^ edit.after.cannot_links
    return frozenset(cluster_id for a, b, _ in changed for cluster_id in (a, b))


def _explicit(edit: Edit) -> frozenset[int]:
    """Groups whose representative the edit sets."""
    return frozenset(
        cluster_id
        for cluster_id, state in edit.after.clusters.items()
        if state is not None and state.representative_media_id is not None
    )


def _locks(edit: Edit) -> bool:
    return any(
        state is not None and (before is None or before.locked != state.locked)
        for cluster_id, state in edit.after.clusters.items()
        for before in [edit.before.clusters.get(cluster_id)]
    )


def _content(edit: Edit, old: Snapshot, new: Snapshot) -> EventContent:
    """Content of the journal row: changed groups and links, and all memberships of the edit."""
    changed = [cluster_id for cluster_id, state in old.clusters.items() if new.clusters[cluster_id] != state]
    both = old.cannot_links & new.cannot_links
    memberships = {media_id: edit.before.memberships[media_id] for media_id in new.memberships}
    return EventContent(
        Snapshot({id_: old.clusters[id_] for id_ in changed}, memberships, old.cannot_links - both),
        Snapshot({id_: new.clusters[id_] for id_ in changed}, new.memberships, new.cannot_links - both),
    )


def _moved(edit: Edit) -> tuple[tuple[uuid.UUID, int | None, int | None], ...]:
    return tuple(
        (media_id, _cluster_id(edit.before.memberships[media_id]), _cluster_id(state))
        for media_id, state in edit.after.memberships.items()
        if _cluster_id(edit.before.memberships[media_id]) != _cluster_id(state)
    )


def _cluster_id(state: MembershipState | None) -> int | None:
    return None if state is None else state.cluster_id


def _changes(
    old: Snapshot,
    new: Snapshot,
    touched: Collection[int],
    sizes_before: Mapping[int, int],
    sizes_after: Mapping[int, int],
) -> tuple[ClusterChange, ...]:
    nothing = ClusterState()
    pairs = {id_: (old.clusters[id_] or nothing, new.clusters[id_] or nothing) for id_ in sorted(touched)}
    return tuple(
        ClusterChange(
            id=id_,
            size_before=sizes_before.get(id_, 0),
            size_after=sizes_after.get(id_, 0),
            label_before=before.label,
            label_after=after.label,
            locked_before=before.locked,
            locked_after=after.locked,
        )
        for id_, (before, after) in pairs.items()
    )


def _removal_warnings(old: Snapshot, edit: Edit, removed: Collection[int]) -> tuple[str, ...]:
    """Warnings about groups that are removed only because their last member left."""
    unforeseen = [id_ for id_ in sorted(removed) if id_ not in edit.survivors and id_ not in edit.after.clusters]
    return tuple(
        f"Group {id_}{(f' {state.label!r}' if state.label else '')} has no members left and is removed."
        for id_ in unforeseen
        if (state := old.clusters[id_]) is not None
    )
