"""Groups of near-duplicates, and curators' decisions on them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

from backend.errors import Conflict, InputError
from backend.features.duplicates.comparison import compare, compare_waiting
from backend.features.editing import delete_media
from backend.features.services import Services
from backend.rules.editing import Outcome
from backend.store.engine import Session, broken_constraints_as_conflicts
from backend.store.review import (
    NearDuplicateRow,
    count_groups,
    find_keepers,
    forget_parted_pairs,
    list_group_members,
    list_keepers,
    lock_near_duplicates,
    record_parted_pairs,
)

_MEMBERS_SHOWN = 100
# All pairs of them are stored.
MOST_KEPT = 200


@dataclass(frozen=True)
class NearDuplicateGroup:
    """A group of near-duplicates.

    Attributes:
        keep: the picture to keep.
        why: why it is the best one.
        members: the others, up to 100, nearest first.
        size: number of all pictures in the group.
        freed_bytes: size of `members`.
    """

    keep: NearDuplicateRow
    why: str
    members: list[NearDuplicateRow]
    size: int
    freed_bytes: int


@dataclass(frozen=True)
class NearDuplicatePage:
    """A page of groups, newest kept picture first. `group_count` and `spare_count` refer to the whole library."""

    groups: list[NearDuplicateGroup]
    next_before: uuid.UUID | None
    group_count: int
    spare_count: int


def read_groups(services: Services, *, before: uuid.UUID | None = None, limit: int) -> NearDuplicatePage:
    """Read a page of groups. `before` is the picture to keep of the last group on the previous page."""
    with services.database.transaction() as session:
        keepers = list_keepers(session, before=before, limit=limit + 1)
        rows, sizes = list_group_members(session, keepers[:limit], _MEMBERS_SHOWN)
        group_count, spare_count = count_groups(session)
    groups = [
        _make_group(list(members), sizes[keeper])
        for keeper, members in groupby(rows, key=lambda row: row.keeper_media_id)
    ]
    more = len(keepers) > limit
    return NearDuplicatePage(groups, keepers[limit - 1] if more else None, group_count, spare_count)


def keep_best(
    services: Services, keep_media_id: uuid.UUID, media_ids: Sequence[uuid.UUID], *, actor: str, dry_run: bool = False
) -> Outcome:
    """Keep one picture and delete others of its group permanently. With `dry_run`, only report what would change.

    Raises:
        InputError: no pictures to delete, or the one to keep is among them.
        Conflict: they no longer form a group.
        NotFound: one was deleted meanwhile.
    """
    with services.database.transaction() as session:
        # Held during the deletion. Otherwise two curators who keep each other's picture would delete both.
        others = lock_others(session, keep_media_id, media_ids)
        outcome = delete_media(services, others, actor=actor, dry_run=dry_run)
    if not dry_run:
        compare_waiting(services)
    return outcome


def keep_all(services: Services, media_ids: Sequence[uuid.UUID], *, actor: str) -> None:
    """Record that these near-duplicates of one group are all wanted. No pair of them is suggested again.

    Raises:
        InputError: fewer than two, or more than MOST_KEPT.
        Conflict: they no longer form a group.
    """
    kept = list(dict.fromkeys(media_ids))
    if not 2 <= len(kept) <= MOST_KEPT:
        raise InputError(
            f"{len(kept)} pictures cannot be kept in one decision.", hint=f"Name 2 to {MOST_KEPT} of a group."
        )
    with broken_constraints_as_conflicts(), services.database.transaction() as session:
        _lock_one_group(session, kept)
        record_parted_pairs(session, list(combinations(kept, 2)), actor)
        compare(session, services.settings)


def take_back_keep_all(services: Services, media_ids: Sequence[uuid.UUID]) -> None:
    """Undo `keep_all`: pairs of these pictures can be suggested again."""
    with services.database.transaction() as session:
        lock_near_duplicates(session)
        forget_parted_pairs(session, media_ids)
        compare(session, services.settings)


def lock_others(session: Session, keep_media_id: uuid.UUID, media_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Lock the groups of near-duplicates until the end of the transaction. Returns the pictures to delete, each once.

    Raises:
        InputError: no pictures to delete, or the one to keep is among them.
        Conflict: they no longer form a group with the one to keep.
    """
    others = list(dict.fromkeys(media_ids))
    if not others or keep_media_id in others:
        raise InputError(
            "Name the picture to keep, and others to delete.",
            hint="Put the ids of the pictures to delete in `media_ids`.",
        )
    _lock_one_group(session, [keep_media_id, *others])
    return others


def _lock_one_group(session: Session, media_ids: Sequence[uuid.UUID]) -> None:
    """Lock the groups. Raises Conflict unless all of these were compared and belong to the same picture to keep."""
    lock_near_duplicates(session)
    keepers = find_keepers(session, media_ids)
    found = {keepers.get(media_id) for media_id in media_ids}
    if len(found) != 1 or None in found:
        raise Conflict(
            "These pictures are no longer a group of near-duplicates.",
            hint="Reload the list: pictures were added or removed.",
        )


def _make_group(rows: list[NearDuplicateRow], size: int) -> NearDuplicateGroup:
    keep, *members = rows
    return NearDuplicateGroup(keep, _explain(keep, members), members, size, sum(row.byte_size for row in members))


def _explain(keep: NearDuplicateRow, members: list[NearDuplicateRow]) -> str:
    """Why the kept picture is the best: most pixels, then most bytes, then the oldest."""
    shape = f"{keep.width} x {keep.height}"
    rivals = [row for row in members if row.width * row.height == keep.width * keep.height]
    if not rivals:
        return f"It has the most pixels ({shape})."
    if all(row.byte_size < keep.byte_size for row in rivals):
        return f"None has more pixels ({shape}), and of those with as many it has the most bytes."
    return f"None has more pixels ({shape}) or bytes, and it came first."
