"""Planning of edits: reads what an operation affects, in the transaction that holds the assigner's lock."""

import uuid
from collections.abc import Sequence
from typing import TypeVar

from backend.bounds import EDITED_CLUSTERS, EDITED_MEDIA
from backend.errors import Conflict, InputError, InvalidText, NotFound
from backend.features.editing.actions import (
    ChooseRepresentative,
    Confirm,
    Dissolve,
    Extract,
    Lock,
    Merge,
    Move,
    Operation,
    Rename,
    Split,
    Unlock,
)
from backend.features.editing.nearest import list_nearest_clusters
from backend.features.services import Services
from backend.files.text import MediaText, clean_media_text
from backend.rules.editing import (
    Edit,
    MembershipState,
    Snapshot,
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
from backend.store.engine import Session
from backend.store.groups import count_members, next_cluster_ids, read_members, read_snapshot
from backend.store.media import list_outcomes
from backend.store.schema import Space
from backend.store.spaces import get_threshold

MAX_MEDIA = EDITED_MEDIA.high
MAX_CLUSTERS = EDITED_CLUSTERS.high
_IDS_SHOWN = 3
_T = TypeVar("_T", int, uuid.UUID)


def plan(services: Services, session: Session, space: Space, operation: Operation) -> Edit:  # noqa: PLR0911
    """Plan the edit of an operation. Raises like `backend.features.editing.operations.perform`."""
    threshold = get_threshold(session, space.id, services.settings.threshold)
    match operation:
        case Rename(cluster_id, label):
            return plan_rename(read_snapshot(session, [cluster_id], []), cluster_id, _require_label(services, label))
        case ChooseRepresentative(cluster_id, media_id):
            return plan_representative(_read_chosen(session, [media_id], [cluster_id]), cluster_id, media_id)
        case Lock(cluster_id) | Unlock(cluster_id):
            before = read_snapshot(session, [cluster_id], [])
            return plan_lock(before, cluster_id, locked=isinstance(operation, Lock))
        case Confirm(media_ids):
            return plan_confirm(_read_chosen(session, media_ids), threshold)
        case Move(media_ids, cluster_id):
            return plan_move(_read_chosen(session, media_ids, [cluster_id]), cluster_id, threshold)
        case Extract(media_ids, label):
            return _plan_extract(services, session, media_ids, label, threshold)
        case Merge(cluster_ids, into):
            concerned = _distinct(cluster_ids, "group", MAX_CLUSTERS)
            before = _read_whole(session, [*concerned, into])
            return plan_merge(before, concerned, into, threshold)
        case Split(cluster_id, media_ids, label):
            chosen = _distinct(media_ids, "picture", MAX_MEDIA)
            (new_id,) = next_cluster_ids(session, 1)
            before = _read_whole(session, [cluster_id])
            return plan_split(before, cluster_id, chosen, new_id, _clean_label(services, label), threshold)
        case Dissolve(cluster_id):
            return _plan_dissolve(session, space, cluster_id, threshold)


def distinct_media(media_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Ids without duplicates. Raises InputError for none or too many."""
    return _distinct(media_ids, "picture", MAX_MEDIA)


def _plan_extract(
    services: Services, session: Session, media_ids: Sequence[uuid.UUID], label: str, threshold: float
) -> Edit:
    before = _read_chosen(session, media_ids)
    sizes = count_members(session, {state.cluster_id for state in existing_memberships(before).values()})
    (new_id,) = next_cluster_ids(session, 1)
    return plan_extract(before, new_id, _clean_label(services, label), sizes, threshold)


def _plan_dissolve(session: Session, space: Space, cluster_id: int, threshold: float) -> Edit:
    before = _read_whole(session, [cluster_id])
    existing_cluster(before, cluster_id)
    if len(before.memberships) > MAX_MEDIA:
        raise Conflict(
            f"Group {cluster_id} has {len(before.memberships):,} members; at most {MAX_MEDIA:,} can "
            "be dissolved at once.",
            hint="Split it first, then dissolve the parts.",
        )
    apart = {other for a, b, _ in before.cannot_links for other in (a, b)}
    nearest = list_nearest_clusters(session, space.id, list(before.memberships), threshold, apart | {cluster_id})
    alone = sum(joined is None for joined in nearest.values())
    return plan_dissolve(before, cluster_id, nearest, next_cluster_ids(session, alone), threshold)


def _read_chosen(session: Session, media_ids: Sequence[uuid.UUID], cluster_ids: Sequence[int] = ()) -> Snapshot:
    """Read these memberships, their groups and the named groups. Raises unless each picture has a group."""
    chosen = distinct_media(media_ids)
    found = read_snapshot(session, [], chosen)
    missing = [media_id for media_id, state in found.memberships.items() if state is None]
    if missing:
        _refuse(session, missing)
    held = {state.cluster_id for state in existing_memberships(found).values()}
    clusters = read_snapshot(session, [*cluster_ids, *held], [])
    return Snapshot(clusters.clusters, found.memberships, clusters.cannot_links)


def _read_whole(session: Session, cluster_ids: Sequence[int]) -> Snapshot:
    """Read these groups with all members."""
    clusters = read_snapshot(session, cluster_ids, [])
    members: dict[uuid.UUID, MembershipState | None] = {}
    members.update(read_members(session, set(cluster_ids)))
    return Snapshot(clusters.clusters, members, clusters.cannot_links)


def _refuse(session: Session, missing: list[uuid.UUID]) -> None:
    """Raise NotFound or Conflict, depending on why these pictures have no group."""
    status = {outcome.media_id: outcome.status for outcome in list_outcomes(session, missing)}
    unknown = [media_id for media_id in missing if media_id not in status]
    if unknown:
        raise NotFound(f"There is no picture {_some(unknown)}.")
    raise Conflict(
        f"Picture {_some(missing)} is not in a group yet: its status is {status[missing[0]]}.",
        hint="Wait until it is ready. If it has failed, retry it.",
    )


def _some(media_ids: list[uuid.UUID]) -> str:
    shown = ", ".join(map(str, media_ids[:_IDS_SHOWN]))
    more = len(media_ids) - _IDS_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _distinct(values: Sequence[_T], what: str, most: int) -> list[_T]:
    chosen = list(dict.fromkeys(values))
    if not chosen:
        raise InputError(f"No {what} was named.", hint=f"Name at least one {what}.")
    if len(chosen) > most:
        raise InputError(f"{len(chosen):,} {what}s were named; at most {most:,} are allowed.", hint="Do it in parts.")
    return chosen


def _require_label(services: Services, label: str) -> str:
    cleaned = _clean_label(services, label)
    if not cleaned:
        raise InvalidText("The label is empty.", hint="Write at least one character.", field="label")
    return cleaned


def most_label_characters(services: Services) -> int:
    """How many characters a label of a group may have: as many as a title."""
    return services.limits.max_title_characters


def _clean_label(services: Services, label: str) -> str:
    """Clean a label like a title, with the same limit. Raises InvalidText."""
    try:
        return clean_media_text(MediaText(title=label), services.limits).title
    except InvalidText as error:
        raise InvalidText(error.detail.replace("title", "label"), hint=error.hint, field="label") from None
