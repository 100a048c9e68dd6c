"""Plans of a curator's operations: the edit that each makes of a snapshot of the rows concerned."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.errors import Conflict, InputError, NotFound
from backend.rules.editing.edits import (
    CURATOR,
    TO_BE_GIVEN,
    ClusterState,
    Edit,
    MembershipState,
    Snapshot,
)
from backend.rules.editing.sentences import media_count, named, skipped, some_clusters, some_media

Memberships = dict[uuid.UUID, MembershipState]


@dataclass(frozen=True)
class Regrouping:
    """The memberships that an operation changes.

    Attributes:
        going: the cluster that each moved picture joins.
        marked: pictures that stay, and whose membership becomes the curator's decision.
        created: new clusters by their ids.
        apart: pairs of clusters (from, to) that become cannot-links.
        survivors: see `Edit`.
    """

    going: Mapping[uuid.UUID, int] = field(default_factory=dict)
    marked: Iterable[uuid.UUID] = ()
    created: Mapping[int, ClusterState] = field(default_factory=dict)
    apart: Iterable[tuple[int, int]] = ()
    survivors: Mapping[int, int] = field(default_factory=dict)


def plan_rename(before: Snapshot, cluster_id: int, label: str) -> Edit:
    """Rename a group. Raises NotFound, or Conflict if the curator has given it this label already."""
    state = existing_cluster(before, cluster_id)
    renamed = replace(state, label=label, label_origin=CURATOR)
    summary = f"Renamed {named(cluster_id, state)} to '{label}'"
    return _plan_state("rename", before, cluster_id, renamed, summary, f"Group {cluster_id} already has this label.")


def plan_representative(before: Snapshot, cluster_id: int, media_id: uuid.UUID) -> Edit:
    """Choose a representative. Raises NotFound, or Conflict if the picture is not a member or was chosen already."""
    state = existing_cluster(before, cluster_id)
    membership = before.memberships.get(media_id)
    if membership is None or membership.cluster_id != cluster_id:
        raise Conflict(
            f"Picture {media_id} is not in group {cluster_id}.",
            hint="Choose one of its members, or move it there first.",
        )
    chosen = replace(state, representative_media_id=media_id, representative_origin=CURATOR)
    summary = f"Chose picture {media_id} to stand for {named(cluster_id, state)}"
    return _plan_state(
        "choose_representative",
        before,
        cluster_id,
        chosen,
        summary,
        f"Picture {media_id} already represents this group.",
    )


def plan_lock(before: Snapshot, cluster_id: int, *, locked: bool) -> Edit:
    """Lock or unlock a group. Raises NotFound, or Conflict if that changes nothing."""
    state = existing_cluster(before, cluster_id)
    word = "lock" if locked else "unlock"
    return _plan_state(
        word,
        before,
        cluster_id,
        replace(state, locked=locked),
        f"{word.capitalize()}ed {named(cluster_id, state)}",
        f"Group {cluster_id} is already {word}ed.",
    )


def plan_confirm(before: Snapshot, threshold: float) -> Edit:
    """Confirm the memberships of the snapshot. Raises Conflict if a curator has decided all of them already."""
    memberships = existing_memberships(before)
    decided = [media_id for media_id, state in memberships.items() if state.origin == CURATOR]
    marked = [media_id for media_id, state in memberships.items() if state.origin != CURATOR]
    if not marked:
        raise Conflict("These pictures are already confirmed.", hint="Nothing is left to confirm.")
    summary = f"Confirmed {media_count(len(marked))}"
    return plan_regrouping(
        "confirm", before, Regrouping(marked=marked), threshold, summary, skipped(decided, "confirmed")
    )


def plan_move(before: Snapshot, cluster_id: int, threshold: float) -> Edit:
    """Move the snapshot's pictures to a group. Raises NotFound, or Conflict if all of them are in it already."""
    target = existing_cluster(before, cluster_id)
    memberships = existing_memberships(before)
    going = {media_id: cluster_id for media_id, state in memberships.items() if state.cluster_id != cluster_id}
    if not going:
        raise Conflict(f"These pictures are already in group {cluster_id}.", hint="To keep them there, confirm them.")
    sources = sorted({memberships[media_id].cluster_id for media_id in going})
    regrouping = Regrouping(going=going, apart=[(source, cluster_id) for source in sources])
    there = [media_id for media_id in memberships if media_id not in going]
    summary = f"Moved {media_count(len(going))} from {some_clusters(sources)} to {named(cluster_id, target)}"
    return plan_regrouping("move", before, regrouping, threshold, summary, skipped(there, "there"))


def plan_merge(before: Snapshot, cluster_ids: Sequence[int], into: int, threshold: float) -> Edit:
    """Merge groups; the snapshot has all their members. Raises NotFound, or InputError if `into` is the only group."""
    merged = [cluster_id for cluster_id in dict.fromkeys(cluster_ids) if cluster_id != into]
    if not merged:
        raise InputError(
            f"Group {into} cannot be merged into itself.", hint="Name at least one other group to merge into it."
        )
    target = existing_cluster(before, into)
    sources = {cluster_id: existing_cluster(before, cluster_id) for cluster_id in merged}
    memberships = existing_memberships(before)
    regrouping = Regrouping(
        going={media_id: into for media_id, state in memberships.items() if state.cluster_id in sources},
        marked=[media_id for media_id, state in memberships.items() if state.cluster_id == into],
        survivors=dict.fromkeys(merged, into),
    )
    names = ", ".join(named(cluster_id, state) for cluster_id, state in sources.items())
    edit = plan_regrouping("merge", before, regrouping, threshold, f"Merged {names} into {named(into, target)}")
    inside = {into, *merged}
    kept = frozenset(link for link in before.cannot_links if not {link[0], link[1]} <= inside)
    return replace(edit, after=replace(edit.after, cannot_links=kept), warnings=_merge_warnings(sources))


def plan_split(
    before: Snapshot, cluster_id: int, media_ids: Sequence[uuid.UUID], new_id: int, label: str, threshold: float
) -> Edit:
    """Split pictures off a group; the snapshot has all its members.

    Raises:
        NotFound: the group does not exist.
        Conflict: a picture is not a member.
        InputError: the split would leave no members behind.
    """
    state = existing_cluster(before, cluster_id)
    memberships = existing_memberships(before)
    strange = [media_id for media_id in media_ids if media_id not in memberships]
    if strange:
        raise Conflict(
            f"{some_media(strange)} {'is' if len(strange) == 1 else 'are'} not in group {cluster_id}.",
            hint="A split takes members of one group. To gather pictures from several groups, extract them.",
        )
    chosen = set(media_ids)
    if len(chosen) == len(memberships):
        raise InputError(
            f"These are all members of group {cluster_id}. A split must leave some behind.",
            hint="Choose fewer pictures.",
        )
    regrouping = Regrouping(
        going=dict.fromkeys((media_id for media_id in memberships if media_id in chosen), new_id),
        marked=[media_id for media_id in memberships if media_id not in chosen],
        created={new_id: new_cluster(label)},
        apart=[(cluster_id, new_id)],
    )
    summary = f"Split {media_count(len(chosen))} off {named(cluster_id, state)} into group {new_id}"
    return plan_regrouping("split", before, regrouping, threshold, summary)


def plan_extract(before: Snapshot, new_id: int, label: str, sizes: Mapping[int, int], threshold: float) -> Edit:
    """Move the snapshot's pictures to a new cluster. `sizes` are those of the clusters that they come from.

    Raises:
        Conflict: they are already all the members of one cluster.
    """
    memberships = existing_memberships(before)
    sources = sorted({state.cluster_id for state in memberships.values()})
    if len(sources) == 1 and sizes[sources[0]] == len(memberships):
        raise Conflict(
            f"These pictures are already the whole of group {sources[0]}.", hint="Rename or confirm the group instead."
        )
    regrouping = Regrouping(
        going=dict.fromkeys(memberships, new_id),
        created={new_id: new_cluster(label)},
        apart=[(source, new_id) for source in sources],
    )
    summary = f"Extracted {media_count(len(memberships))} from {some_clusters(sources)} to group {new_id}"
    return plan_regrouping("extract", before, regrouping, threshold, summary)


def plan_dissolve(
    before: Snapshot,
    cluster_id: int,
    nearest: Mapping[uuid.UUID, int | None],
    new_ids: Iterable[int],
    threshold: float,
) -> Edit:
    """Dissolve a cluster. `nearest` gives the cluster that each member joins; None founds one of `new_ids`."""
    state = existing_cluster(before, cluster_id)
    memberships = existing_memberships(before)
    fresh = iter(new_ids)
    going: dict[uuid.UUID, int] = {}
    created: dict[int, ClusterState] = {}
    for media_id in memberships:
        joined = nearest[media_id]
        if joined is None:
            joined = next(fresh)
            created[joined] = new_cluster("")
        going[media_id] = joined
    summary = (
        f"Dissolved {named(cluster_id, state)}: {media_count(len(going) - len(created))} joined others, "
        f"{len(created)} stand alone"
    )
    return plan_regrouping("dissolve", before, Regrouping(going=going, created=created), threshold, summary)


def plan_regrouping(
    kind: str,
    before: Snapshot,
    regrouping: Regrouping,
    threshold: float,
    summary: str,
    warnings: tuple[str, ...] = (),
) -> Edit:
    """Build the edit for a regrouping by a curator. Pictures that move or are marked become curator decisions.

    Moved pictures join their new clusters in the order in which they were assigned before.
    """
    memberships = existing_memberships(before)
    concerned = [*regrouping.going, *regrouping.marked]
    concerned.sort(key=lambda media_id: memberships[media_id].assign_seq)
    after = {
        media_id: _decided(memberships[media_id], regrouping.going.get(media_id), threshold) for media_id in concerned
    }
    links = {(min(pair), max(pair), TO_BE_GIVEN) for pair in regrouping.apart}
    return Edit(
        kind,
        Snapshot(
            {**before.clusters, **dict.fromkeys(regrouping.created)},
            {media_id: memberships[media_id] for media_id in concerned},
            before.cannot_links,
        ),
        Snapshot(dict(regrouping.created), after, before.cannot_links | links),
        summary,
        regrouping.survivors,
        warnings,
    )


def existing_cluster(snapshot: Snapshot, cluster_id: int) -> ClusterState:
    """Raises NotFound."""
    state = snapshot.clusters.get(cluster_id)
    if state is None:
        raise NotFound(f"There is no group {cluster_id}.")
    return state


def existing_memberships(snapshot: Snapshot) -> Memberships:
    """The memberships of the snapshot that exist."""
    return {media_id: state for media_id, state in snapshot.memberships.items() if state is not None}


def new_cluster(label: str) -> ClusterState:
    """The state of a new cluster. Without a label it takes the title of its representative."""
    return ClusterState(label=label, label_origin=CURATOR) if label else ClusterState()


def _plan_state(
    kind: str, before: Snapshot, cluster_id: int, changed: ClusterState, summary: str, unchanged: str
) -> Edit:
    state = existing_cluster(before, cluster_id)
    if changed == state:
        raise Conflict(unchanged, hint="There is nothing to do.")
    return Edit(kind, Snapshot({cluster_id: state}), Snapshot({cluster_id: changed}), summary)


def _decided(state: MembershipState, cluster_id: int | None, threshold: float) -> MembershipState:
    """The membership as a curator's decision. In a different cluster it gets a new place in the order of decisions."""
    marked = replace(
        state,
        similarity=None,
        runner_up_cluster_id=None,
        runner_up_similarity=None,
        margin=None,
        threshold=threshold,
        origin=CURATOR,
        event_id=TO_BE_GIVEN,
        created_at=None,
    )
    if cluster_id is None:
        return marked
    return replace(marked, cluster_id=cluster_id, founder=False, assign_seq=TO_BE_GIVEN)


def _merge_warnings(sources: Mapping[int, ClusterState]) -> tuple[str, ...]:
    labels = [
        f"The label '{state.label}', which a curator gave group {cluster_id}, is lost."
        for cluster_id, state in sources.items()
        if state.label_origin == CURATOR
    ]
    locks = [
        f"Group {cluster_id} was locked; its lock is lost." for cluster_id, state in sources.items() if state.locked
    ]
    return (*labels, *locks)
