"""Automatic regrouping: computed without the assigner's lock, so that uploads continue, and written under it.

Pictures that arrive meanwhile stay in their group, or follow it if it is merged into another one. If a curator changes something
meanwhile, everything is computed again.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from backend.errors import Conflict
from backend.features.editing import edited, settled, write_edit
from backend.features.services import Services
from backend.rules.consolidation import Library, Regrouped
from backend.rules.editing import AUTO, TO_BE_GIVEN, ClusterState, Edit, MembershipState, Outcome, Snapshot
from backend.store.engine import Session, begin_snapshot
from backend.store.groups import StoredGrouping, load_embeddings, next_cluster_ids, read_grouping, read_snapshot
from backend.store.schema import Space
from backend.store.spaces import get_active_space, get_threshold

_ATTEMPTS = 3
_SEED = 0


@dataclass(frozen=True)
class Reading:
    """Input of a computation.

    Attributes:
        space_id: the active space.
        grouping: the groups as read.
        library: embeddings and constraints.
        threshold: threshold of the library.
        sampled: whether only part of the library was read.
    """

    space_id: int
    grouping: StoredGrouping
    library: Library
    threshold: float
    sampled: bool = False


@dataclass(frozen=True)
class Plan:
    """The decided groups, and the threshold they were computed with."""

    kind: str
    summary: str
    threshold: float
    regrouped: Regrouped


@dataclass(frozen=True)
class Written:
    """Result of a regrouping. `created` maps the negative numbers of the plan to the ids of the new groups."""

    plan: Plan
    outcome: Outcome
    created: Mapping[int, int]
    reading: Reading


def read_library(services: Services, *, most_media: int | None = None) -> Reading:
    """Read all pictures of the active space with their groups, in one snapshot. If there are more than `most_media`, read the
    embeddings of a fixed sample only.

    Raises:
        NotFound: there is no active space.
    """
    with services.database.transaction() as session:
        begin_snapshot(session)
        space = get_active_space(session)
        grouping = read_grouping(session, space.id)
        sampled = most_media is not None and len(grouping.media_ids) > most_media
        if sampled:
            generator = np.random.default_rng(_SEED)
            grouping = grouping.take(np.sort(generator.choice(len(grouping.media_ids), most_media, replace=False)))
        embeddings = load_embeddings(session, space.id, grouping.media_ids, space.image_dimension)
        threshold = get_threshold(session, space.id, services.settings.threshold)
    links = frozenset((one, other) for one, other, _ in grouping.cannot_links)
    library = Library(embeddings, grouping.clusters, grouping.fixed, grouping.locked, grouping.anchored, links)
    return Reading(space.id, grouping, library, threshold, sampled)


def regroup(
    services: Services,
    decide: Callable[[Reading], Plan],
    *,
    actor: str,
    dry_run: bool,
    and_then: Callable[[Session, Space, int], None] | None = None,
) -> Written:
    """Read, decide, and write the result as one event.

    Args:
        services: services of the process.
        decide: computes the plan. It may take long and runs outside any transaction.
        actor: who requested it.
        dry_run: compute everything, then roll back.
        and_then: writes what else belongs to the event, given its id. Without it, nothing is written if no group changes.

    Raises:
        NotFound: there is no active space.
        Conflict: curators changed groups during each attempt.
    """
    for _ in range(_ATTEMPTS):
        reading = read_library(services)
        plan = decide(reading)
        if and_then is None and not len(plan.regrouped.renaming.changed):
            return Written(plan, Outcome(None, plan.kind, plan.summary), {}, reading)
        with edited(services, dry_run=dry_run) as (session, space):
            present = read_grouping(session, space.id)
            if space.id != reading.space_id or reading.grouping.differs_from(present):
                continue
            edit, created = _make_edit(session, space, plan, reading.grouping, present)
            outcome = write_edit(session, space, edit, actor=actor)
            if and_then is not None and outcome.event_id is not None:
                and_then(session, space, outcome.event_id)
        return Written(plan, settled(services, outcome, dry_run=dry_run), created, reading)
    raise Conflict("The groups changed during every attempt.", hint="Try again when no curator is editing.")


def _make_edit(
    session: Session, space: Space, plan: Plan, grouping: StoredGrouping, present: StoredGrouping
) -> tuple[Edit, dict[int, int]]:
    renaming = plan.regrouped.renaming
    numbers = sorted((split.created for split in renaming.splits), reverse=True)
    created = dict(zip(numbers, next_cluster_ids(session, len(numbers)), strict=True))
    survivors = {gone: created.get(into, into) for gone, into in renaming.survivors.items()}
    followers = _find_followers(grouping, present, survivors)
    changed = [grouping.media_ids[row] for row in renaming.changed.tolist()]
    concerned = set(grouping.clusters[renaming.changed].tolist()) | set(renaming.clusters[renaming.changed].tolist())
    before = read_snapshot(session, concerned - set(created), [*changed, *followers])
    decided = _decided(plan, space.id, changed, created)
    decided.update((media_id, _follow(before, media_id, into)) for media_id, into in followers.items())
    new = {cluster_id: ClusterState() for cluster_id in created.values()}
    return (
        Edit(
            plan.kind,
            replace(before, clusters={**before.clusters, **dict.fromkeys(new)}),
            Snapshot(new, decided, before.cannot_links),
            plan.summary,
            survivors,
        ),
        created,
    )


def _decided(
    plan: Plan, space_id: int, media_ids: list[uuid.UUID], created: Mapping[int, int]
) -> dict[uuid.UUID, MembershipState | None]:
    regrouped = plan.regrouped
    clusters = regrouped.renaming.clusters[regrouped.renaming.changed].tolist()
    states: dict[uuid.UUID, MembershipState | None] = {}
    for index, (media_id, cluster_id) in enumerate(zip(media_ids, clusters, strict=True)):
        runner_up = int(regrouped.runner_up[index])
        states[media_id] = MembershipState(
            cluster_id=created.get(cluster_id, cluster_id),
            space_id=space_id,
            similarity=float(regrouped.similarity[index]),
            runner_up_cluster_id=created.get(runner_up, runner_up) or None,
            runner_up_similarity=_number(regrouped.runner_up_similarity[index]),
            margin=_number(regrouped.margin[index]),
            threshold=plan.threshold,
            founder=bool(regrouped.founder[index]),
            assign_seq=TO_BE_GIVEN,
            origin=AUTO,
            event_id=TO_BE_GIVEN,
        )
    return states


def _find_followers(
    grouping: StoredGrouping, present: StoredGrouping, survivors: Mapping[int, int]
) -> dict[uuid.UUID, int]:
    """Pictures that arrived in groups that are merged into others, with those other groups."""
    known = set(grouping.media_ids)
    return {
        media_id: survivors[cluster_id]
        for media_id, cluster_id in zip(present.media_ids, present.clusters.tolist(), strict=True)
        if media_id not in known and cluster_id in survivors
    }


def _follow(before: Snapshot, media_id: uuid.UUID, into: int) -> MembershipState:
    state = before.memberships[media_id]
    assert state is not None
    return replace(
        state,
        cluster_id=into,
        similarity=None,
        runner_up_cluster_id=None,
        runner_up_similarity=None,
        margin=None,
        founder=False,
        assign_seq=TO_BE_GIVEN,
        event_id=TO_BE_GIVEN,
        created_at=None,
    )


def _number(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
